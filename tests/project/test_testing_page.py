"""docs/testing.md documents exactly the existing fixtures, marks, options and methods."""

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
    """Return the names in the section headings of a chapter."""
    _, _, text = PAGE.partition(f"\n## {chapter}\n")
    lines = text.partition("\n## ")[0].splitlines()
    return [line[4:].strip("` ") for line in lines if line.startswith("### ")]


def named_in(chapter: str) -> set[str]:
    """Return the names in the first column of a chapter's table."""
    _, _, text = PAGE.partition(f"\n## {chapter}\n")
    lines = text.partition("\n## ")[0].splitlines()
    cells = [line.split(" | ")[0] for line in lines if line.startswith("| `")]
    return {name for cell in cells for name in NAME.findall(cell)}


def public(thing: object) -> set[str]:
    """Return the public names of an object."""
    return {name for name in dir(thing) if not name.startswith("_")}


def test_every_fixture_and_mark_has_a_section() -> None:
    assert set(below("Fixtures")) == fixtures(pytest_plugin)
    assert below("Marks") == [mark.partition("(")[0] for mark in MARKS]


def test_every_option_and_ini_key_has_a_section(pytestconfig: pytest.Config) -> None:
    options = {name for name in vars(pytestconfig.option) if name.startswith("sandbox_")}
    keys = {"sandbox_strict", "sandbox_scenarios"}
    assert {type(pytestconfig.getini(key)) for key in keys} == {bool, list}
    lines = {f"--{name.replace('_', '-')}" for name in options}
    assert set(below("Options")) == lines | keys


def test_every_attribute_and_method_of_sandbox_is_documented() -> None:
    """Attributes are in the table, methods in sections."""
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
def test_every_public_name_of_clock_rate_limit_inbox_and_server_is_documented(
    chapter: str, kind: type, more: set[str]
) -> None:
    """They are in the table of their chapter."""
    assert named_in(chapter) == public(kind) | more


def test_every_route_has_its_client_method_with_parameters() -> None:
    """The table has a row for each route."""
    rows = rows_below("SandboxClient", PAGE)
    assert [row["route, below `/_sandbox`"].strip("`") for row in rows] == [
        f"{route.method} {route.path}" for route in CONTROL_ROUTES
    ]
    for row in rows:
        match = CALL.fullmatch(row["method"])
        assert match is not None, row
        parameters = list(inspect.signature(getattr(SandboxClient, match[1])).parameters)[1:]
        assert [name for name in match[2].split(", ") if name not in ("", "*")] == parameters
