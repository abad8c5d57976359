"""The shops of examples/explore: what is wrong with the naive ones is found, and nothing else."""

import json
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from tests.project.blocks import read_blocks
from tests.project.tree import ROOT
from tests.support.process import run

SHOPS: Final = ROOT / "examples" / "explore"
SHELLS: Final = {"py": ["python3", "-S"], "mjs": ["node"], "sh": ["sh"]}
NEEDED: Final = {"py": ["python3"], "mjs": ["node"], "sh": ["curl", "openssl"]}
WORST: Final = "drop_after_commit,malform_after_commit,forged,slow"
"""Failures that find every kind of bug that the naive shops have."""

OF_WRITES: Final = "drop_after_commit,malform_after_commit,hang_after_commit,forged,drop"
"""Failures of which hardly any keeps a shop waiting."""

each_shop = pytest.mark.parametrize("kind", SHELLS)


def explored(shop: str, kind: str, data: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """Explore a shop; the exit code and the report."""
    if absent := [name for name in NEEDED[kind] if shutil.which(name) is None]:
        pytest.skip(f"there is no {' and no '.join(absent)}")
    command = [*SHELLS[kind], str(SHOPS / f"{shop}_shop.{kind}")]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    ended = run(
        "explore",
        "--json",
        str(data),
        *options,
        "--",
        *command,
        extra={"PATH": path},
    )
    assert ended.returncode in {0, 1}, ended.stderr
    return ended.returncode, json.loads(data.read_text("utf-8"))


@each_shop
def test_what_is_wrong_with_a_naive_shop_is_found(kind: str, tmp_path: Path) -> None:
    code, report = explored("naive", kind, tmp_path / "x.json", "--faults", WORST)

    found = {each["verdict"] for each in report["findings"]}
    assert (code, found) == (1, {"double_charge", "lost_payment", "accepted_forgery", "crash"})


def test_the_readme_shows_what_is_printed(tmp_path: Path) -> None:
    """The command as it stands, beside the shop; what is left out stands as `…`."""
    blocks = read_blocks(ROOT / "README.md")
    [asked] = [each for each in blocks if each.first_line.startswith("payments-sandbox explore")]
    [shown] = [each for each in blocks if each.heading == asked.heading and each != asked]
    shutil.copy(SHOPS / "naive_shop.py", tmp_path)
    command = shlex.split(asked.code)
    ended = run(*command[1:], cwd=tmp_path)

    printed = ended.stdout
    for part in filter(None, (each.strip() for each in shown.code.split("…\n"))):
        assert part in printed, printed + ended.stderr
        printed = printed.partition(part)[2]


@each_shop
def test_a_careful_shop_survives_two_failures(kind: str, tmp_path: Path) -> None:
    """Or says that nobody can tell, by an exit code that nobody has to name."""
    options = "--depth", "2", "--faults", f"{OF_WRITES},rate_limit_exceeded"
    code, report = explored("careful", kind, tmp_path / "x.json", *options)

    assert (code, report["findings"]) == (0, [])
    assert {each["depth"] for each in report["runs"]} == {1, 2}
    assert set(report["verdicts"]) <= {"survived", "told"}
