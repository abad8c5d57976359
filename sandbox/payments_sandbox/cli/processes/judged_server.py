"""Owns the server of a run as its verdict needs it, in one process or several."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from payments_sandbox.cli.output_files import write_whole
from payments_sandbox.cli.processes.server_process import Facts, Listening, ListeningServer

if TYPE_CHECKING:
    from payments_sandbox.client.models import CoverageModel
    from payments_sandbox.verification.report_text import Reports


class JudgedServer(Protocol):
    """A server whose worlds are judged when the command has ended."""

    @property
    def facts(self) -> Facts:
        """The facts about the server."""

    @property
    def losses(self) -> Sequence[str]:
        """Descriptions of what was lost during the run and cannot be judged."""

    async def reports(self, *, is_strict: bool) -> "Reports":
        """Judge the worlds that were used, or the world of the server's key if none was.

        If `is_strict`, an undocumented call fails its world.
        """

    async def tallies(self) -> "Sequence[CoverageModel]":
        """The counts of each process, if coverage was asked for."""


JudgedServers = AbstractAsyncContextManager[JudgedServer]
"""A server that listens while the context is entered."""


class _OneProcess:
    """A server in this process."""

    losses: Sequence[str] = ()

    def __init__(self, listening: Listening) -> None:
        from payments_sandbox.server.judging import KeptReports

        self.facts = listening.facts
        self._runtime = listening.runtime
        self._reports = listening.runtime.reports = KeptReports(listening.runtime.notifier)

    async def reports(self, *, is_strict: bool) -> "Reports":
        worlds = self._runtime.worlds
        default = worlds.get_or_create(str(self.facts["api_key"]))
        self._runtime.delayed_replies.notice_all()
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


def write_reports(
    reports: "Reports", *, text: Path | None = None, junit: Path | None, html: Path | None = None
) -> None:
    """Write the report files that were asked for.

    Raises:
        UnwritableError: the system rejects one.
    """
    from payments_sandbox.verification.report_junit import as_junit
    from payments_sandbox.verification.report_page import as_page
    from payments_sandbox.verification.report_text import as_text

    if text is not None:
        write_whole(text, as_text(reports))
    if junit is not None:
        write_whole(junit, as_junit(reports))
    if html is not None:
        write_whole(html, as_page(reports))
