"""README's examples, executed in their order against a server that was just started."""

import json
import re
import shlex
import subprocess
import sys
import urllib.error
import urllib.request
from argparse import ArgumentParser
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from tests.fakes.command import Served, served
from tests.project.blocks import Block, read_blocks
from tests.project.tree import ROOT

PAGE: Final = ROOT / "README.md"
USUAL: Final = "http://127.0.0.1:8080"
PATIENCE: Final = 10
"""Seconds after which a silent server counts as hanging."""

DIRECT: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks no proxy, whatever the environment says."""

ASKED: Final = [block for block in read_blocks(PAGE) if block.first_line.startswith("curl ")]
SUITES: Final = [block for block in read_blocks(PAGE) if block.language == "python"]
ANSWERED: Final = [block for block in read_blocks(PAGE) if block.language == "json"]


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    """A server of the command line; its clock stands so that no card in an example expires."""
    with served("--clock", "2030-01-15T09:00:00Z") as server:
        yield server


class Curl(ArgumentParser):
    """The few options of curl that the examples use; another one is an error."""

    def __init__(self) -> None:
        super().__init__("curl", allow_abbrev=False, add_help=False, exit_on_error=False)
        self.add_argument("url")
        self.add_argument("-s", action="store_true", required=True)
        self.add_argument("-H", action="append", default=[])
        self.add_argument("-d")


def requested(command: str) -> urllib.request.Request:
    """The request that a curl command sends: a POST where it has `-d`."""
    _, *words = shlex.split(command.replace("\\\n", " "))  # a shell joins continued lines
    given = Curl().parse_args(words)
    headers = dict(line.split(": ", 1) for line in given.H)
    data = None if given.d is None else given.d.encode()
    return urllib.request.Request(given.url, data, headers)  # noqa: S310 - our own address


def answer(command: str) -> str:
    """The body of the reply, whatever its status."""
    try:
        with DIRECT.open(requested(command), timeout=PATIENCE) as reply:
            return str(reply.read().decode())
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.read().decode()


def shown(pattern: str) -> re.Pattern[str]:
    """What a block of the page stands for: `…` is anything, within a string or as more fields."""
    text = re.escape(pattern.strip()).replace(re.escape(", …"), r",.+")
    return re.compile(text.replace("…", r'[^"]+'))


def test_every_example_is_followed_by_its_answer() -> None:
    """Five examples, each a command or two; no JSON on the page stands alone."""
    blocks = read_blocks(PAGE)
    followers = [after for before, after in pairwise(blocks) if before in ASKED]
    assert followers == ANSWERED
    headings = dict.fromkeys(block.heading for block in ASKED)
    assert [heading[:2] for heading in headings] == ["1.", "2.", "3.", "4.", "5."]


def test_the_examples_run_as_they_stand(server: Served) -> None:
    """One after the other, because each builds upon those before; only the port differs."""
    for asked, answered in zip(ASKED, ANSWERED, strict=True):
        assert USUAL in asked.code
        body = answer(asked.code.replace(USUAL, server.address))
        assert json.loads(body), where(asked)
        body = body.replace(server.address, USUAL)
        assert shown(answered.code).fullmatch(body), f"{where(asked)}: {body}"


def test_the_suite_passes_as_it_stands(tmp_path: Path) -> None:
    """With the plugin as it is installed, in a folder of its own."""
    (suite,) = SUITES
    (tmp_path / "test_shop.py").write_text(suite.code, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
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
def test_an_ellipsis_stands_for_something(pattern: str, body: str, *, fits: bool) -> None:
    """For the rest of a string, or for one more field at least."""
    assert (shown(pattern).fullmatch(body) is not None) == fits


def where(block: Block) -> str:
    """Where a reader finds it."""
    return f"{PAGE.name}:{block.line}"
