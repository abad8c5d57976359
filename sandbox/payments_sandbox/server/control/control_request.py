"""Owns what a control route is given: the server's parts, and the request, read and checked."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from aiohttp import web

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.server.parts import Parts
from payments_sandbox.world.world import World

Read = TypeVar("Read")


class Ask(NamedTuple):
    """One control request.

    Attributes:
        body: the JSON body, which follows the route's schema; {} when there is none.
        text: the body where it is YAML.
        query: the query's parameters, typed, with their defaults.
        variable: the variable part of the path; empty where it has none.
    """

    parts: Parts
    request: web.BaseRequest
    body: dict[str, Any]
    query: dict[str, Any]
    named: World | None = None
    variable: str = ""
    text: str | None = None

    @property
    def world(self) -> World:
        """The world that the request's key names."""
        if self.named is None:
            raise LookupError("this route needs no key, so it has no world")
        return self.named


def read_as(read: Callable[[str], Read], field: str, text: str) -> Read:
    """What the text of a field says.

    Raises:
        InvalidRequest: nothing, with the field's pointer and what would have worked.
    """
    try:
        return read(text)
    except ValueError as error:
        raise InvalidRequest(f"/{field}: {error}.") from None
