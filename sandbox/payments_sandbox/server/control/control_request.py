"""Owns the argument of a control route's handler: the request, parsed and validated."""

from collections.abc import Callable
from typing import Any, NamedTuple

from aiohttp import web

from payments_sandbox.contract.schemas import Contract
from payments_sandbox.core.errors import InvalidRequest, InvalidScenario
from payments_sandbox.core.settings import Settings
from payments_sandbox.server.world_runtime import WorldRuntime
from payments_sandbox.world.world import World


class ControlRequest(NamedTuple):
    """One request to a control route.

    Attributes:
        settings: the server's settings.
        contract: the documented schemas, compiled.
        runtime: the worlds, and what runs for them.
        http: aiohttp's request.
        body: the JSON body, which is valid by the route's schema; {} if there is none.
        query: the query's parameters, typed, with their defaults.
        known_world: the world of the API key, or None if the route needs no key.
        path_parameter: the variable part of the path; empty if it has none.
        text: the body if it is YAML.
    """

    settings: Settings
    contract: Contract
    runtime: WorldRuntime
    http: web.BaseRequest
    body: dict[str, Any]
    query: dict[str, Any]
    known_world: World | None = None
    path_parameter: str = ""
    text: str | None = None

    @property
    def origin(self) -> str:
        """The scheme, host and port by which the client has reached the server."""
        return f"{self.http.scheme}://{self.http.host}"

    @property
    def world(self) -> World:
        """The world of the API key.

        Raises:
            LookupError: the route needs no key.
        """
        if self.known_world is None:
            raise LookupError("this route needs no key, so it has no world")
        return self.known_world


def read_all(*reads: Callable[[], object]) -> list[Any]:
    """Read several parts of a body, and report the problems of all of them at once.

    Returns:
        What each of the reads has returned.

    Raises:
        InvalidRequest, InvalidScenario: one or more of the reads have raised one of these.
    """
    found: list[object] = []
    refused: list[InvalidRequest | InvalidScenario] = []
    for read in reads:
        try:
            found.append(read())
        except (InvalidRequest, InvalidScenario) as error:
            refused.append(error)
    if not refused:
        return found
    if len(refused) == 1:
        raise refused[0]
    details = "; ".join((each.details or "").removesuffix(".") for each in refused) + "."
    problems = [problem for each in refused for problem in getattr(each, "problems", ())]
    raise InvalidScenario(details, problems) if problems else InvalidRequest(details)


def blocked_ports(request: ControlRequest) -> frozenset[int]:
    """Return the ports of receivers that cannot answer before this request is answered."""
    ports = request.http.headers.get("Sandbox-Blocked-Ports", "").split(",")
    return frozenset(int(port) for port in ports if port.isascii() and port.isdigit())
