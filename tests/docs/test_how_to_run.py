"""Shell pages of docs/how-to: their scripts are written to files, and their commands run."""

import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from tests.project.blocks import Block, read_blocks
from tests.project.tree import ROOT
from tests.support.process import environment
from tests.support.values import LONGEST_WAIT

HOW_TO: Final = ROOT / "docs" / "how-to"
PAGES: Final = ("from-another-language", "your-http-library-pays-twice")
BLOCKS: Final = {name: read_blocks(HOW_TO / f"{name}.md") for name in PAGES}
EXAMPLES: Final = [
    (name, block) for name in PAGES for block in BLOCKS[name] if block.language == "console"
]


def scripts_of(page: str) -> dict[str, str]:
    """Return the scripts of a page by the name after their language."""
    lines = (HOW_TO / f"{page}.md").read_text(encoding="utf-8").splitlines()
    heads = [(lines[block.line - 1].split(), block) for block in BLOCKS[page]]
    return {head[1]: block.code for head, block in heads if head[0] == "```sh" and len(head) > 1}


def outcome(page: str, command: str, folder: Path) -> str:
    """Run a command in a folder with the page's scripts, and return stdout and then stderr."""
    for name, code in scripts_of(page).items():
        (folder / name).write_text(code, encoding="utf-8")
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LONGEST_WAIT,
        check=False,
    )
    assert done.returncode == int("--scenario" in command)
    return done.stdout + done.stderr


def pattern(shown: str) -> str:
    """Return a pattern for output on the page: `…` is the rest of a line, or of the text."""
    text = re.escape(shown.rstrip())
    if text.endswith("…"):
        return text.removesuffix("…").replace("…", r"[^\n]*") + "(.|\n)*"
    return text.replace("…", r"[^\n]*") + r"\n"


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
@pytest.mark.parametrize(
    ("page", "example"), EXAMPLES, ids=[f"{name}-{block.line}" for name, block in EXAMPLES]
)
def test_an_example_prints_the_output_on_the_page(
    page: str, example: Block, tmp_path: Path
) -> None:
    first, _, shown = example.code.partition("\n")
    printed = outcome(page, first.removeprefix("$ "), tmp_path)
    assert re.fullmatch(pattern(shown), printed), printed


@pytest.mark.parametrize("page", PAGES)
def test_every_script_is_run_by_the_command_after_it(page: str) -> None:
    scripts = scripts_of(page)
    used = [
        name
        for script, example in pairwise(BLOCKS[page])
        for name in scripts
        if script.code == scripts[name] and f"sh {name}" in example.code
    ]
    assert used == list(scripts)
