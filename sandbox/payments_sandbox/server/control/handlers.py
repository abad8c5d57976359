"""Owns which function answers a route: that of the route's name, in the module of its noun.

A module is imported with the first request to one of its routes: some bring the scenario language.
"""

from collections.abc import Awaitable, Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Final

from aiohttp import web

from payments_sandbox.contract.control_routes import ROUTES_BY_NOUN
from payments_sandbox.server.control.control_request import ControlRequest

Result = dict[str, object] | web.StreamResponse | None
"""The result of a handler: the JSON of the response, the whole response, or None for no body."""

Handler = Callable[[ControlRequest], Result | Awaitable[Result]]

_NOUNS: Final = {route.name: noun for noun, rows in ROUTES_BY_NOUN.items() for route in rows}


@cache
def handler_of(route_name: str) -> Handler:
    """Find the handler of a route.

    Args:
        route_name: the `name` in the route's row.

    Raises:
        LookupError: no row has the name, or its noun's module has no function of it.
    """
    noun = _NOUNS[route_name]
    module_name = f"{__package__}.{noun}"
    found = vars(import_module(module_name)) if find_spec(module_name) else {}
    handler: Handler | None = found.get(route_name)
    if handler is None:
        raise LookupError(f"write the handler {route_name}(request) in server/control/{noun}.py")
    return handler
