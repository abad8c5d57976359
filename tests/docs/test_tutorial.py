"""docs/tutorials/survive-a-lost-reply.md, followed step by step."""

import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Final

from tests.project.blocks import Block, below, read_blocks
from tests.project.test_docs import SERVE
from tests.project.tree import ROOT
from tests.support.http import curl, pattern_of_block
from tests.support.process import ServeProcess, environment, serve_process
from tests.support.values import LONGEST_WAIT

PAGE: Final = ROOT / "docs" / "tutorials" / "survive-a-lost-reply.md"
BLOCKS: Final = read_blocks(PAGE)
USUAL: Final = "http://127.0.0.1:8080"
ANSWERS: Final = ("json", "text")


def test_the_commands_of_the_tutorial_print_the_output_on_the_page(tmp_path: Path) -> None:
    """Only the port differs."""
    [naive], [repair] = (
        [block.code for block in below(title, BLOCKS) if block.language == "python"]
        for title in ("2. A checkout", "4. The repair")
    )
    checkout = tmp_path / "checkout.py"
    checkout.write_text(naive, encoding="utf-8")
    followed = 0
    with serve_process() as server:
        for asked, answered in pairwise(BLOCKS):
            if asked.code == repair:
                checkout.write_text(repaired(naive, repair), encoding="utf-8")
            if answered.language in ANSWERS:
                said = run(asked, server, tmp_path)
                assert pattern_of_block(answered.code).fullmatch(said), f"line {asked.line}: {said}"
                followed += 1

    assert followed == len([block for block in BLOCKS if block.language in ANSWERS]) == 9


def test_the_tutorial_starts_the_server_as_the_readme_does() -> None:
    """It also installs httpx, which the checkout needs."""
    assert BLOCKS[0].first_line == SERVE.replace("--quiet .", "--quiet . httpx")


def repaired(naive: str, repair: str) -> str:
    """Return the repaired checkout: `pay` and the line after it replaced, imports added."""
    imports, _, functions = repair.partition("\n\n\n")
    kept, _, _ = naive.partition("def pay(order):")
    return f"{imports}\n{kept}{functions}"


def run(block: Block, server: ServeProcess, folder: Path) -> str:
    """Run a command of the page, and return its output with the usual address."""
    code = block.code.replace(USUAL, server.address)
    said = curl(code) if code.startswith("curl ") else run_checkout(code, folder)
    return said.replace(server.address, USUAL).strip()


def run_checkout(code: str, folder: Path) -> str:
    """Run a checkout with its variables, as a shell does, and return its output."""
    *variables, _, file = shlex.split(code)
    ended = subprocess.run(
        [sys.executable, file],
        cwd=folder,
        env=environment(**dict(each.split("=", 1) for each in variables)),
        capture_output=True,
        text=True,
        timeout=LONGEST_WAIT,
        check=False,
    )
    return ended.stdout + ended.stderr
