"""Tests that each row of the control routes has its handler and schemas, and each handler a row."""

import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

from payments_sandbox.contract.control_routes import (
    CONTROL_PATH,
    CONTROL_ROUTES,
    ROUTES_BY_NOUN,
)
from payments_sandbox.contract.control_routes.route import ControlRoute
from payments_sandbox.contract.schema_files import schema_files
from payments_sandbox.server.control.api import handler_of
from payments_sandbox.server.control.control_request import ControlRequest
from tests.support.tables import for_each

TESTS = Path(__file__).parents[1]
each_route = for_each("route", CONTROL_ROUTES, show=lambda route: route.name)


@each_route
def test_every_control_route_has_a_handler_of_its_name(route: ControlRoute) -> None:
    (parameter,) = inspect.signature(handler_of(route.name)).parameters.values()
    assert parameter.annotation is ControlRequest


@for_each("noun", ROUTES_BY_NOUN)
def test_every_public_handler_has_a_control_route(noun: str) -> None:
    """A handler without a row in `contract/control_routes` is never called."""
    module = import_module(f"payments_sandbox.server.control.{noun}")
    handlers = {
        name
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and not name.startswith("_")
        and [each.annotation for each in inspect.signature(function).parameters.values()]
        == [ControlRequest]
    }
    assert handlers == {route.name for route in ROUTES_BY_NOUN[noun]}


def test_every_module_of_control_routes_is_registered() -> None:
    """Routes of other modules are not served."""
    routes = import_module("payments_sandbox.contract.control_routes")
    (folder,) = routes.__path__
    found = {path.stem for path in Path(folder).glob("*.py")} - {"__init__", "route"}
    assert found == set(ROUTES_BY_NOUN), "Add the rows to ROUTES_BY_NOUN in its __init__.py."


@each_route
def test_every_schema_that_a_control_route_names_exists(route: ControlRoute) -> None:
    """That of a page is generated from its object in `schemas/control/objects`."""
    names = (route.request, route.query_schema, route.response_schema)
    assert [name for name in names if name is not None and name not in schema_files()] == []


def test_every_control_route_is_called_by_a_test() -> None:
    """In addition to the tests that run over all routes."""
    tests = [each for each in TESTS.rglob("test_*.py") if each != Path(__file__)]
    text = "\n".join(each.read_text(encoding="utf-8") for each in tests)
    untested = [route.name for route in CONTROL_ROUTES if not re.search(_asked(route), text)]
    assert untested == [], "Write a test of what the route does in tests/server/control."


def _asked(route: ControlRoute) -> str:
    """Return a pattern of the route's name, or of its path, as a test writes it."""
    path = re.sub(r"\{\w+\}", "[^/?]+", CONTROL_PATH + route.path)
    return f'"{route.name}"|{path}["?]'


def test_an_unknown_route_name_has_no_handler() -> None:
    with pytest.raises(LookupError):
        handler_of("list_nothing")


def test_a_missing_handler_raises_an_error_that_says_where_to_write_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cards = import_module("payments_sandbox.server.control.cards")
    monkeypatch.delattr(cards, "list_cards")
    handler_of.cache_clear()
    with pytest.raises(LookupError, match=r"list_cards\(request\) in server/control/cards\.py"):
        handler_of("list_cards")
