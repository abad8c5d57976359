"""Owns the server of a run as its verdict needs it, be it one process or several."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol, cast

from payments_sandbox.cli.server_process import Facts, Listening, ListeningServer

if TYPE_CHECKING:
    from payments_sandbox.client.models import CoverageModel
    from payments_sandbox.verification.report_text import Reports


class JudgedServer(Protocol):
    """A server whose worlds are judged when the command has ended."""

    @property
    def facts(self) -> Facts:
        """What it says of itself."""

    @property
    def losses(self) -> Sequence[str]:
        """What was lost on the way and cannot be judged, in words."""

    async def reports(self, *, is_strict: bool) -> "Reports":
        """Judge the worlds that were used, or that of the given key if none was.

        Args:
            is_strict: whether an undocumented call fails a world.
        """

    async def tallies(self) -> "Sequence[CoverageModel]":
        """What each process has counted, where coverage was asked for."""


JudgedServers = AbstractAsyncContextManager[JudgedServer]
"""Listens while it is entered."""


class _OneProcess:
    """The server of this process."""

    losses: Sequence[str] = ()

    def __init__(self, listening: Listening) -> None:
        from payments_sandbox.server.judging import KeptReports

        self.facts = listening.facts
        self._runtime = listening.runtime
        self._reports = listening.runtime.reports = KeptReports(listening.runtime.notifier)

    async def reports(self, *, is_strict: bool) -> "Reports":
        worlds = self._runtime.worlds
        default = worlds.get_or_create(str(self.facts["api_key"]))
        found = await self._reports.finish(worlds, default)
        return [each._replace(is_strict=is_strict) for each in found]

    async def tallies(self) -> "Sequence[CoverageModel]":
        tally = self._runtime.tally
        return [] if tally is None else [cast("CoverageModel", tally.as_json())]


@contextlib.asynccontextmanager
async def judged(server: ListeningServer) -> "AsyncIterator[JudgedServer]":
    """Listen with a server of this process until the block ends, and keep its reports."""
    async with server as listening:
        yield _OneProcess(listening)
