"""The examples of README.md, run in order against a new server."""

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from tests.project.blocks import Block, read_blocks
from tests.project.tree import ROOT
from tests.support.http import curl, pattern_of_block
from tests.support.process import ServeProcess, environment, serve_process
from tests.support.values import LONGEST_WAIT

PAGE: Final = ROOT / "README.md"
USUAL: Final = "http://127.0.0.1:8080"
ASKED: Final = [block for block in read_blocks(PAGE) if block.first_line.startswith("curl ")]
SUITES: Final = [block for block in read_blocks(PAGE) if block.language == "python"]
ANSWERED: Final = [block for block in read_blocks(PAGE) if block.language == "json"]


@pytest.fixture(scope="module")
def server() -> Iterator[ServeProcess]:
    """Return a server whose frozen clock keeps the cards of the examples valid."""
    with serve_process("--clock", "2030-01-15T09:00:00Z") as server:
        yield server


def test_every_curl_example_is_followed_by_its_answer() -> None:
    """There are five examples with one or two commands each."""
    blocks = read_blocks(PAGE)
    followers = [after for before, after in pairwise(blocks) if before in ASKED]
    assert followers == ANSWERED
    headings = dict.fromkeys(block.heading for block in ASKED)
    assert [heading[:2] for heading in headings] == ["1.", "2.", "3.", "4.", "5."]


def test_the_curl_examples_print_the_answers_on_the_page(server: ServeProcess) -> None:
    """Each builds on those before it; only the port differs."""
    for asked, answered in zip(ASKED, ANSWERED, strict=True):
        assert USUAL in asked.code
        body = curl(asked.code.replace(USUAL, server.address))
        assert json.loads(body), where(asked)
        body = body.replace(server.address, USUAL)
        assert pattern_of_block(answered.code).fullmatch(body), f"{where(asked)}: {body}"


def test_the_pytest_example_passes_unchanged(tmp_path: Path) -> None:
    """It runs in its own folder with the installed plugin."""
    (suite,) = SUITES
    (tmp_path / "test_shop.py").write_text(suite.code, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LONGEST_WAIT,
        check=False,
    )

    assert (done.returncode, done.stdout.splitlines()[-1].partition(" in ")[0]) == (0, "1 passed")


@pytest.mark.parametrize(
    ("pattern", "body", "fits"),
    [
        ('{"id":"pay_…"}', '{"id":"pay_1"}', True),
        ('{"id":"pay_…"}', '{"id":"pay_1","status":"failed"}', False),
        ('{"a":1, …}', '{"a":1,"b":{"c":[2]}}', True),
        ('{"a":1, …}', '{"a":12}', False),
        ('{"a":1}', '{"a":1,"b":2}', False),
    ],
)
def test_an_ellipsis_matches_the_rest_of_a_string_or_more_fields(
    pattern: str, body: str, *, fits: bool
) -> None:
    """It needs at least one more field."""
    assert (pattern_of_block(pattern).fullmatch(body) is not None) == fits


def where(block: Block) -> str:
    """Return file and line of a block."""
    return f"{PAGE.name}:{block.line}"
