"""Owns `run --workers N`: a parent process for the workers next to the command, and the verdict.

The process that runs the command has a loop, and workers must be forked by one that has none. So
the parent of the workers is a separate process, forked before there is a loop. It ends the workers
when its socket to the process that runs the command is closed, however that process has ended.
"""

import argparse
import asyncio
import json
import logging
import multiprocessing
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeVar

from payments_sandbox.cli.failure import CommandFailedError
from payments_sandbox.cli.processes.judged_server import JudgedServer, JudgedServers
from payments_sandbox.cli.processes.server_process import (
    CannotServeError,
    Facts,
)
from payments_sandbox.cli.processes.worker import Inherited
from payments_sandbox.cli.processes.workers import keep_workers, prepared_workers
from payments_sandbox.cluster.asking import ask
from payments_sandbox.cluster.mailbox import Outgoing
from payments_sandbox.cluster.workers import owner_of
from payments_sandbox.server.judging import KeptReports
from payments_sandbox.verification.report_text import WorldReport

if TYPE_CHECKING:
    from payments_sandbox.client.models import CoverageModel
    from payments_sandbox.verification.report_text import Reports

_READY: Final = "ready"
_DIED: Final = "died"
_FAILED: Final = "failed"
"""What the parent of the workers reports, each with its details."""

_ENDED: Final = "the workers ended for an unknown reason"

T = TypeVar("T")


@contextmanager
def workers_of(arguments: argparse.Namespace, *, log_to: TextIO | None) -> Iterator[JudgedServers]:
    """Make several workers for the block; enter the result in the loop that uses them.

    Args:
        arguments: of `run`.
        log_to: the stream for the log of requests and webhooks; None for no log.

    Raises:
        CannotServeError: as for `serve_with_workers`.
    """
    prepared = prepared_workers(arguments, log_to=log_to, level=logging.WARNING)
    with prepared as (inherited, facts):
        runtime = inherited.sandbox.runtime
        runtime.reports = KeptReports(runtime.notifier)  # each worker gets a copy
        ours, theirs = socket.socketpair()
        context = multiprocessing.get_context("fork")
        keeper = context.Process(target=_keep, args=(inherited, facts, ours, theirs))
        keeper.start()
        theirs.close()
        os.close(inherited.lives[1])  # the workers end when its last holder does
        try:
            yield _served(inherited, facts, ours)
        finally:
            ours.close()
            keeper.join()


def _keep(
    inherited: Inherited, facts: Facts, other: socket.socket, report_socket: socket.socket
) -> None:
    """Be the parent of the workers, and report on them in lines of JSON."""
    other.close()
    signal.set_wakeup_fd(-1)
    for number in (
        signal.SIGINT,
        signal.SIGHUP,
        signal.SIGTERM,
    ):  # these signals are handled by the process that runs the command
        signal.signal(number, signal.SIG_IGN)

    def report(*line: object) -> None:
        with suppress(OSError):  # nobody listens any longer
            report_socket.sendall(json.dumps(line).encode() + b"\n")

    try:
        keep_workers(
            inherited,
            facts,
            report_socket,
            lambda _: report(_READY),
            on_death=lambda text: report(_DIED, text),
        )
    except CommandFailedError as error:
        report(_FAILED, str(error), error.code)


class _Workers:
    """The server as seen by the process that runs the command; it reads what the parent reports."""

    def __init__(self, inherited: Inherited, facts: Facts, lines: asyncio.StreamReader) -> None:
        self.facts = facts
        self.losses: list[str] = []
        self._mailboxes = [Outgoing(box.writer) for box in inherited.boxes]
        self._lines = lines
        self._listening: asyncio.Future[bool]
        self._is_told = False

    async def until_ready(self) -> None:
        """Wait until all workers serve.

        Raises:
            CannotServeError: they never will.
        """
        if not await self._listen(until=_READY):
            raise CannotServeError(_ENDED)
        self._listening = asyncio.ensure_future(self._listen())

    async def until_ended(self) -> None:
        """Wait until all workers have ended.

        Raises:
            CannotServeError: their worlds could not be stored, or they had ended early.
        """
        try:
            await self._listening
        except CannotServeError:
            if not self._is_told:  # otherwise the verdict has reported it
                raise

    async def reports(self, *, is_strict: bool) -> "Reports":
        rows = [row for each in await self._ask_all("reports") for row in each]
        if not rows:
            key = str(self.facts["api_key"])
            owner = self._mailboxes[owner_of(key, len(self._mailboxes))]
            rows = await self._while_it_serves(ask(owner, "reports", [key])) or []
        return [WorldReport(*row)._replace(is_strict=is_strict) for row in rows]

    async def tallies(self) -> "Sequence[CoverageModel]":
        return await self._ask_all("coverage")

    async def _ask_all(self, question: str) -> list[Any]:
        answers = asyncio.gather(*(ask(each, question) for each in self._mailboxes))
        return [each for each in await self._while_it_serves(answers) if each is not None]

    async def _while_it_serves(self, asking: Awaitable[T]) -> T:
        """Await answers of the workers, but only while they run: after that nobody answers.

        Raises:
            CannotServeError: the workers have ended.
        """
        answers = asyncio.ensure_future(asking)
        try:
            await asyncio.wait((answers, self._listening), return_when=asyncio.FIRST_COMPLETED)
            if not answers.done():
                self._is_told = True
                self._listening.result()
                raise CannotServeError(_ENDED)
            return answers.result()
        finally:
            answers.cancel()

    async def _listen(self, *, until: str | None = None) -> bool:
        """Read what the parent of the workers reports; return whether `until` was reported.

        Raises:
            CannotServeError: it reports why there is no server.
        """
        while line := await self._lines.readline():
            what, *given = json.loads(line)
            if what == _DIED:
                self.losses += given
            elif what == _FAILED:
                raise CannotServeError(*given)
            if what == until:
                return True
        return False


@asynccontextmanager
async def _served(
    inherited: Inherited, facts: Facts, connection: socket.socket
) -> AsyncIterator[JudgedServer]:
    lines, writer = await asyncio.open_connection(sock=connection)
    workers = _Workers(inherited, facts, lines)
    await workers.until_ready()
    try:
        yield workers
    finally:
        writer.write_eof()
        await workers.until_ended()
        writer.close()
