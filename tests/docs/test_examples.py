"""The example projects: each is run by the command of its README, in a copy."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.project.blocks import read_blocks
from tests.project.tree import ROOT, not_ignored
from tests.support.process import environment
from tests.support.values import LONGEST_WAIT

EXAMPLES: Final = ROOT / "examples"
NAMES: Final = sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())
PATIENCE: Final = LONGEST_WAIT
"""Seconds that an example's suite may take."""


def copied(name: str, folder: Path) -> Path:
    """Copy the files of an example and of `clients`, without ignored files."""
    for path in not_ignored():
        if path.startswith((f"examples/{name}/", "clients/")):
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, target)
    return folder / "examples" / name


def outcome(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command of the README, with this environment's programs on the PATH."""
    [block] = read_blocks(folder / "README.md")
    assert block.code.startswith("payments-sandbox run ")
    return subprocess.run(
        ["sh", "-c", block.code],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_every_example_project_has_a_test() -> None:
    """A new example needs a test here."""
    assert NAMES == ["explore", "node", "python-httpx", "shell"]


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_of_an_example_has_at_most_ten_lines(name: str) -> None:
    """It has the command and its requirements."""
    assert len((EXAMPLES / name / "README.md").read_text(encoding="utf-8").splitlines()) <= 10


def test_the_python_example_passes(tmp_path: Path) -> None:
    """It uses pytest and httpx."""
    done = outcome(copied("python-httpx", tmp_path))

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\b6 passed\b", done.stdout)


def test_the_node_example_passes_and_can_be_explored(tmp_path: Path) -> None:
    """It uses Node's test runner, fetch, and the npm package `standardwebhooks`."""
    folder = copied("node", tmp_path)
    if shutil.which("npm") is None:
        pytest.skip("there is no npm")
    install = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent"]
    try:
        subprocess.run(install, cwd=folder, capture_output=True, check=True, timeout=PATIENCE)
    except subprocess.SubprocessError as error:
        pytest.skip(f"npm cannot install: {error}")
    done = outcome(folder)

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\bpass 6\b.*\bfail 0\b", done.stdout, re.DOTALL)
    explored = explored_flow(folder)
    assert explored.returncode == 0, explored.stdout + explored.stderr
    assert "nothing found in 2 runs" in explored.stdout


def explored_flow(folder: Path) -> subprocess.CompletedProcess[str]:
    """Explore it as docs/how-to/explore-a-node-client.md says, with two failures."""
    blocks = read_blocks(ROOT / "docs" / "how-to" / "explore-a-node-client.md")
    code = {block.language: block.code for block in reversed(blocks)}
    (folder / "flow.mjs").write_text(code["js"], encoding="utf-8")
    command = json.loads(code["json"])["scripts"]["explore"]
    assert command in code["yaml"].replace("--budget 60s --junit-xml explore.xml", "--report found")
    few = command.replace(" -- ", " --faults drop_after_commit,card_declined -- ")
    return subprocess.run(
        ["sh", "-c", few],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_the_shell_example_passes(tmp_path: Path) -> None:
    """It uses curl, sh and sed."""
    folder = copied("shell", tmp_path)
    if shutil.which("curl") is None:
        pytest.skip("there is no curl")
    done = outcome(folder)

    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.partition(" - ")[0] for line in done.stdout.splitlines()] == ["ok"] * 7
