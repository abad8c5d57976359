"""The picture of the benchmark's figures."""

import re
from html import unescape

import pytest

from benchmarks.plot import draw
from benchmarks.report import Row, Table, at_least, at_most
from tests.project.tree import ROOT

FACTS = {"date": "2030-01-15", "Python": "3.11.7", "machine": "a <slow> one"}


def texts(picture: str) -> list[str]:
    return [unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", picture)]


def test_a_ratio_with_a_target_is_drawn_with_median_and_target() -> None:
    rows = [Row("create", [0.4, 0.5, 0.7], "×", at_least(0.45)), Row("p99", [3.0], "×", at_most(2))]

    picture = draw([Table("Under load", rows)], FACTS)

    assert {"Under load", "create", "0.50 × (≥ 0.45)", "p99", "3.00 × (≤ 2)"} <= set(texts(picture))
    assert 'class="met" x="320" y="35" width="85"' in picture
    assert 'class="missed" x="320" y="57" width="374"' in picture
    assert "2030-01-15 · Python 3.11.7 · a <slow> one" in texts(picture)


def test_figures_without_a_ratio_or_target_are_not_drawn() -> None:
    rows = [Row("create", [0.5], "×", at_least(0.45)), Row("core", [9.0], "µs", at_most(20))]
    other = Table("CPU", [Row("seconds", [2.0], "×")])

    said = texts(draw([Table("Under load", rows), other], FACTS))

    assert "create" in said
    assert not {"core", "CPU", "seconds"} & set(said)


def test_a_run_without_ratios_with_targets_raises() -> None:
    with pytest.raises(ValueError, match="None of these figures is a ratio that has a target"):
        draw([Table("The core", [Row("create", [9.0], "µs", at_most(20))])], FACTS)


def test_the_picture_of_performance_md_shows_the_figures_of_its_tables() -> None:
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    _, _, last_run = page.partition("## The last run\n")
    row = re.compile(r"^\| (.+?) +\| (\S+) × +\| ([≥≤] \S+) +\|", re.MULTILINE)
    in_tables = [
        (figure, f"{value} × ({target})") for figure, value, target in row.findall(last_run)
    ]

    said = texts((ROOT / "docs" / "images" / "performance.svg").read_text(encoding="utf-8"))

    assert len(in_tables) > 10
    assert [pair for pair in in_tables if not set(pair) <= set(said)] == []
