"""Owns a look at the control requests of a test: which are about to take what a world has seen."""

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
"""Is called when that has ended which was about to; not where the server has refused."""

BeforeEnd = Callable[[str, Sequence[str]], OnceEnded]
"""Is told how a world, or what was seen there, ends, and which scenarios do, if not all of it."""

_REFUSED: Final = 400

_EVIDENCE: Final = frozenset({"payments", "journal", "webhooks"})
"""The parts of a reset that remove what expectations are about."""


class EndOfScenarios(NamedTuple):
    """Scenarios that are about to end.

    Attributes:
        name: of the one that ends; None where it is not named.
        staying: names, or whole scenarios, of those that go on; nothing else does.
    """

    name: str | None
    staying: Sequence[object] = ()

    def includes(self, scenario: ScenarioModel) -> bool:
        """Whether an active scenario ends."""
        if self.name is not None:
            return scenario["scenario"] == self.name
        return scenario["scenario"] not in self.staying and scenario not in self.staying


Ending = str | EndOfScenarios
"""How a world is about to end, in a word that follows "before the test"; or which scenarios are."""


def what_ends(request: HttpRequest) -> Ending | None:
    """What a request is about to end, if anything."""
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
    except ValueError:  # YAML, or what the server is going to refuse
        return None


def nothing() -> None:
    """Do nothing: nothing has ended of which somebody has to know."""


class WatchedTransport:
    """A transport that tells what a request is about to end, and when that has ended."""

    def __init__(self, transport: Transport, before: Callable[[Ending], OnceEnded]) -> None:
        self._transport = transport
        self._before = before

    def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request; returns the response, whatever its status."""
        if (ending := what_ends(request)) is None:
            return self._transport.send(request)
        once_ended = self._before(ending)
        response = self._transport.send(request)
        if response.status < _REFUSED:
            once_ended()
        return response

    def stream(self, request: HttpRequest) -> Iterator[str]:
        """Yield the lines of a response that goes on, without their ends."""
        return self._transport.stream(request)

    def close(self) -> None:
        """Close what is kept open."""
        self._transport.close()


class AsyncWatchedTransport:
    """The same for asyncio: who is told may take his time, in a thread."""

    def __init__(self, transport: AsyncTransport, before: Callable[[Ending], OnceEnded]) -> None:
        self._transport = transport
        self._before = before

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request; returns the response, whatever its status."""
        if (ending := what_ends(request)) is None:
            return await self._transport.send(request)
        once_ended = await _told(self._before, ending)
        response = await self._transport.send(request)
        if response.status < _REFUSED:
            once_ended()
        return response

    def stream(self, request: HttpRequest) -> AsyncIterator[str]:
        """Yield the lines of a response that goes on, without their ends."""
        return self._transport.stream(request)

    async def close(self) -> None:
        """Close what is kept open."""
        await self._transport.close()


async def _told(before: Callable[[Ending], OnceEnded], ending: Ending) -> OnceEnded:
    """Tell beside the loop: what is waited for may come by it."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:  # another kind of loop, as a sandbox without a socket is used in
        return before(ending)
    return await asyncio.to_thread(before, ending)
