"""Owns the detection of control requests of a test that end a world, its data or scenarios."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

from payments_sandbox.client.messages import CONTROL_PATH, HttpRequest, HttpResponse
from payments_sandbox.client.models import ScenarioModel
from payments_sandbox.client.transport import AsyncTransport, Transport

__tracebackhide__ = True

OnceEnded = Callable[[], None]
"""Called after the announced end has happened; not called if the server rejected the request."""

BeforeEnd = Callable[[str, Sequence[str]], OnceEnded]
"""Called before an end, with how the world ends, and which scenarios if not the whole world."""

_REFUSED: Final = 400

_EVIDENCE: Final = frozenset({"payments", "journal", "webhooks"})
"""The parts of a reset that remove what expectations refer to."""


class EndOfScenarios(NamedTuple):
    """Scenarios that are about to end.

    Attributes:
        name: the scenario that ends; None if none is named.
        staying: the scenarios that stay, as names or whole scenarios; all others end.
    """

    name: str | None
    staying: Sequence[object] = ()

    def includes(self, scenario: ScenarioModel) -> bool:
        """Whether an active scenario is among those that end."""
        if self.name is not None:
            return scenario["scenario"] == self.name
        return scenario["scenario"] not in self.staying and scenario not in self.staying


Ending = str | EndOfScenarios
"""How a world is about to end, as a participle for messages, or which scenarios are."""


def what_ends(request: HttpRequest) -> Ending | None:
    """Find what a request is about to end, if anything."""
    parts = urlsplit(request.target)
    match request.method, parts.path.removeprefix(CONTROL_PATH):
        case "DELETE", "/world":
            return "dropped"
        case "PUT", "/world/snapshot":
            return "restored"
        case "POST", "/world/reset":
            return _how_reset(_json(request.body))
        case "DELETE", "/scenarios/active":
            return EndOfScenarios(parse_qs(parts.query).get("name", [None])[0])
        case "PUT", "/scenarios/active":
            staying = _json(request.body)
            return EndOfScenarios(None, staying) if isinstance(staying, list) else None
        case _:
            return None


def _how_reset(body: object) -> str | None:
    only = body.get("only") if isinstance(body, dict) else None
    if only and _EVIDENCE.isdisjoint(only):
        return None
    return "partly reset" if only and "journal" not in only else "reset"


def _json(body: bytes | None) -> Any:  # noqa: ANN401 - whatever it is
    try:
        return json.loads(body or b"null")
    except ValueError:  # YAML, or a body that the server will reject
        return None


def nothing() -> None:
    """Do nothing: nobody needs to know of an end."""


class WatchedTransport:
    """A transport that announces what a request is about to end, and confirms it afterwards."""

    def __init__(self, transport: Transport, before: Callable[[Ending], OnceEnded]) -> None:
        self._transport = transport
        self._before = before

    def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request and return the response, whatever its status."""
        if (ending := what_ends(request)) is None:
            return self._transport.send(request)
        once_ended = self._before(ending)
        response = self._transport.send(request)
        if response.status < _REFUSED:
            once_ended()
        return response

    def stream(self, request: HttpRequest) -> Iterator[str]:
        """Yield the lines of a streamed response, without line ends."""
        return self._transport.stream(request)

    def close(self) -> None:
        """Close open connections."""
        self._transport.close()


class AsyncWatchedTransport:
    """The same for asyncio; the announcement may block, so it is made in a thread."""

    def __init__(self, transport: AsyncTransport, before: Callable[[Ending], OnceEnded]) -> None:
        self._transport = transport
        self._before = before

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request and return the response, whatever its status."""
        if (ending := what_ends(request)) is None:
            return await self._transport.send(request)
        once_ended = await _told(self._before, ending)
        response = await self._transport.send(request)
        if response.status < _REFUSED:
            once_ended()
        return response

    def stream(self, request: HttpRequest) -> AsyncIterator[str]:
        """Yield the lines of a streamed response, without line ends."""
        return self._transport.stream(request)

    async def close(self) -> None:
        """Close open connections."""
        await self._transport.close()


async def _told(before: Callable[[Ending], OnceEnded], ending: Ending) -> OnceEnded:
    """Announce in a thread, so that the loop can run what the announcement waits for."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:  # a loop of another library, such as trio
        return before(ending)
    return await asyncio.to_thread(before, ending)
