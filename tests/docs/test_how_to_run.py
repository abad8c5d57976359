"""docs/how-to/from-another-language.md: its scripts written down, its commands run."""

import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from tests.project.blocks import Block, read_blocks
from tests.project.tree import ROOT
from tests.support.process import environment
from tests.support.values import LONGEST_WAIT

PAGE: Final = ROOT / "docs" / "how-to" / "from-another-language.md"
LINES: Final = PAGE.read_text(encoding="utf-8").splitlines()
BLOCKS: Final = read_blocks(PAGE)
EXAMPLES: Final = [block for block in BLOCKS if block.language == "console"]
SCRIPTS: Final = {
    LINES[block.line - 1].split()[1]: block.code for block in BLOCKS if block.language == "sh"
}


def outcome(command: str, folder: Path) -> str:
    """What a command prints, errors after the rest, in a folder that has the page's scripts."""
    for name, code in SCRIPTS.items():
        (folder / name).write_text(code, encoding="utf-8")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env=environment(PATH=path),
        capture_output=True,
        text=True,
        timeout=LONGEST_WAIT,
        check=False,
    )
    assert done.returncode == int("--scenario" in command)
    return done.stdout + done.stderr


def pattern(shown: str) -> str:
    """What the page shows as a pattern: `…` is the rest of a word, or of the text at its end."""
    text = re.escape(shown.rstrip())
    if text.endswith("…"):
        return text.removesuffix("…").replace("…", r"[^\n]*") + "(.|\n)*"
    return text.replace("…", r"[^\n]*") + r"\n"


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda block: str(block.line))
def test_an_example_prints_what_the_page_shows(example: Block, tmp_path: Path) -> None:
    """The whole of it, in this order."""
    first, _, shown = example.code.partition("\n")
    printed = outcome(first.removeprefix("$ "), tmp_path)
    assert re.fullmatch(pattern(shown), printed), printed


def test_every_script_is_used() -> None:
    """By the command that follows it."""
    used = [
        name
        for script, example in pairwise(block for block in BLOCKS)
        for name in SCRIPTS
        if script.code == SCRIPTS[name] and f"sh {name}" in example.code
    ]
    assert used == list(SCRIPTS)
