"""The shops of examples/explore: bugs of the naive ones are found, and nothing else."""

import json
import shutil
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import pytest

from tests.project.tree import ROOT
from tests.support.process import run
from tools.recording import EXPLORE, LINE, PICTURE, text_of
from tools.recording import explored as explored_session

SHOPS: Final = ROOT / "examples" / "explore"
SHELLS: Final = {"py": ["python3", "-S"], "mjs": ["node"], "sh": ["sh"]}
NEEDED: Final = {"py": ["python3"], "mjs": ["node"], "sh": ["curl", "openssl"]}
WRONG: Final = {
    "mjs": {"drop_after_commit": "double_charge", "forged": "accepted_forgery"},
    "sh": {"malform_after_commit": "crash", "slow": "lost_payment"},
}
"""Failures with the verdict on a naive shop; `make nightly` tries all of them on each."""

JOBS: Final = "4"
"""The number of parallel runs of the naive Python shop, which mostly waits."""

OF_WRITES: Final = "drop_after_commit,malform_after_commit,hang_after_commit,forged,drop"
"""Failures that mostly cause no waiting; `make nightly` tries them in pairs."""

OF_EACH_KIND: Final = "drop_after_commit,forged,rate_limit_exceeded"
"""A failure survived by a lookup, one by a rejection, and one with an unknown outcome."""

SVG: Final = "{http://www.w3.org/2000/svg}"

each_shop = pytest.mark.parametrize("kind", SHELLS)


def explored(shop: str, kind: str, data: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """Explore a shop, and return the exit code and the report."""
    if absent := [name for name in NEEDED[kind] if shutil.which(name) is None]:
        pytest.skip(f"there is no {' and no '.join(absent)}")
    command = [*SHELLS[kind], str(SHOPS / f"{shop}_shop.{kind}")]
    ended = run(
        "explore",
        "--json",
        str(data),
        *options,
        "--",
        *command,
    )
    assert ended.returncode in {0, 1}, ended.stderr
    return ended.returncode, json.loads(data.read_text("utf-8"))


@pytest.mark.parametrize("kind", WRONG)
def test_the_bugs_of_a_naive_shop_are_found(kind: str, tmp_path: Path) -> None:
    """The README shows the findings of the Python shop."""
    assert_found(kind, tmp_path, WRONG[kind])


def assert_found(kind: str, folder: Path, wrong: dict[str, str]) -> None:
    """Assert that exploring a naive shop finds exactly these bugs."""
    code, report = explored("naive", kind, folder / "x.json", "--faults", ",".join(wrong))

    assert (code, {each["verdict"] for each in report["findings"]}) == (1, set(wrong.values()))


def test_the_recording_in_the_readme_matches_the_output() -> None:
    """The recorded command is the one in the text, and the last frame equals today's output."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"```sh\n{EXPLORE}\n```" in readme
    assert f"({PICTURE.relative_to(ROOT).as_posix()})" in readme

    session = explored_session(JOBS)
    typed, empty, *shown = last_frame(PICTURE.read_text(encoding="utf-8"))
    assert (typed, empty) == (f"$ {EXPLORE}", "")
    assert shown == text_of(session.frames[-1]).splitlines()


def last_frame(svg: str) -> list[str]:
    """Return the lines of the last frame of a recording."""
    root = ET.fromstring(svg)  # noqa: S314 - one of our own files
    texts = {each.get("id"): "".join(each.itertext()) for each in root.iter(f"{SVG}text")}
    height = int(str(root.get("viewBox")).split()[-1])
    placed = [
        (int(str(each.get("y"))), str(each.get("href"))[1:]) for each in root.iter(f"{SVG}use")
    ]
    top = max(y for y, _ in placed) // height * height
    lines = {(y - top) // LINE: texts[name] for y, name in placed if y >= top}
    return [lines.get(number, "") for number in range(max(lines) + 1)]


@each_shop
def test_a_careful_shop_survives_single_failures(kind: str, tmp_path: Path) -> None:
    """It may also report an unknown outcome; `make nightly` tries pairs of failures."""
    assert_survives(kind, tmp_path, OF_EACH_KIND, depth=1)


def assert_survives(kind: str, folder: Path, faults: str, depth: int) -> None:
    """Assert that exploring a careful shop finds nothing, without `--told-by`."""
    options = "--depth", str(depth), "--faults", faults
    code, report = explored("careful", kind, folder / "x.json", *options)

    assert (code, report["findings"]) == (0, [])
    assert {each["depth"] for each in report["runs"]} == set(range(1, depth + 1))
    assert set(report["verdicts"]) == {"survived", "told"}
