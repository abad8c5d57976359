"""Failures are chosen by sets, by names, or by a file of names."""

from pathlib import Path

import pytest

from payments_sandbox.exploration.failure_sets import SETS, read_failures
from payments_sandbox.exploration.failures import all_failures


def test_the_sets_are_parts_of_all() -> None:
    assert SETS["all"] == {each.id for each in all_failures()}
    assert SETS["calls"] == SETS["errors"] | SETS["wire"]
    assert SETS["all"] == SETS["calls"] | SETS["webhooks"]
    assert SETS["quick"] < SETS["all"]


def test_names_and_sets_go_together() -> None:
    assert read_failures("webhooks, drop") == SETS["webhooks"] | {"drop"}


def test_a_file_has_a_name_on_each_line(tmp_path: Path) -> None:
    file = tmp_path / "failures.txt"
    file.write_text("drop  # the worst\n\n# nothing\nhang_after_commit\n", encoding="utf-8")

    assert read_failures(str(file)) == {"drop", "hang_after_commit"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("dorp", "there is no failure 'dorp', and no such file or set; did you mean drop?"),
        ("x.yaml", "there is no failure 'x.yaml', and no such file or set; sets are all, calls,"),
        (",", "expected a failure or a set of them: all, calls, errors, wire, webhooks, quick"),
    ],
)
def test_what_is_none_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match="^" + why.replace("?", r"\?")):
        read_failures(text)
