"""docs/testing.md has every fixture, mark, option, attribute and method, and no other."""

import inspect
import re
from typing import Final

import pytest

from payments_sandbox import pytest_plugin
from payments_sandbox.contract.control_routes import CONTROL_ROUTES
from payments_sandbox.pytest_plugin.marks import MARKS
from payments_sandbox.testing import Inbox, Sandbox, SandboxClient, Server, running_sandbox
from payments_sandbox.testing.clock import Clock, RateLimit
from tests.project.tables import rows_below
from tests.project.tree import ROOT
from tests.testing.test_neighbours import fixtures

PAGE: Final = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
NAME: Final = re.compile(r"`(\w+)")
CALL: Final = re.compile(r"`(\w+)\(([^)]*)\)`")


def below(chapter: str) -> list[str]:
    """The headings of a chapter's sections, without what is around their names."""
    _, _, text = PAGE.partition(f"\n## {chapter}\n")
    lines = text.partition("\n## ")[0].splitlines()
    return [line[4:].strip("` ") for line in lines if line.startswith("### ")]


def named_in(chapter: str) -> set[str]:
    """What the first column of a chapter's table names."""
    _, _, text = PAGE.partition(f"\n## {chapter}\n")
    lines = text.partition("\n## ")[0].splitlines()
    cells = [line.split(" | ")[0] for line in lines if line.startswith("| `")]
    return {name for cell in cells for name in NAME.findall(cell)}


def public(thing: object) -> set[str]:
    """What an object offers."""
    return {name for name in dir(thing) if not name.startswith("_")}


def test_fixtures_and_marks_have_their_sections() -> None:
    """In any order."""
    assert set(below("Fixtures")) == fixtures(pytest_plugin)
    assert below("Marks") == [mark.partition("(")[0] for mark in MARKS]


def test_options_have_their_sections(pytestconfig: pytest.Config) -> None:
    """Those of the command line, and the keys of the ini file."""
    options = {name for name in vars(pytestconfig.option) if name.startswith("sandbox_")}
    keys = {"sandbox_strict", "sandbox_scenarios"}
    assert {type(pytestconfig.getini(key)) for key in keys} == {bool, list}
    lines = {f"--{name.replace('_', '-')}" for name in options}
    assert set(below("Options")) == lines | keys


def test_a_world_is_described() -> None:
    """Its attributes in the table, its methods in sections."""
    methods = {name for name, _ in inspect.getmembers(Sandbox, inspect.isfunction)}
    methods = {name for name in methods if not name.startswith("_")}
    assert {name.removeprefix("sandbox.") for name in below("Sandbox")} == methods
    with running_sandbox() as server, server.new_world() as world:
        assert named_in("Sandbox") == public(world) - methods


@pytest.mark.parametrize(
    ("chapter", "kind", "more"),
    [
        ("Clock", Clock, set()),
        ("RateLimit", RateLimit, set()),
        ("Inbox", Inbox, {"name", "url"}),
        ("Server", Server, {"url", "token"}),
    ],
)
def test_its_pieces_are_described(chapter: str, kind: type, more: set[str]) -> None:
    """Every public name, in the table."""
    assert named_in(chapter) == public(kind) | more


def test_the_client_is_described() -> None:
    """A row for each route, with the method's parameters as they are."""
    rows = rows_below("SandboxClient", PAGE)
    assert [row["route, below `/_sandbox`"].strip("`") for row in rows] == [
        f"{route.method} {route.path}" for route in CONTROL_ROUTES
    ]
    for row in rows:
        match = CALL.fullmatch(row["method"])
        assert match is not None, row
        parameters = list(inspect.signature(getattr(SandboxClient, match[1])).parameters)[1:]
        assert [name for name in match[2].split(", ") if name not in ("", "*")] == parameters
