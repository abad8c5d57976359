"""Owns one of several workers: a process that serves the worlds of its keys.

It ends on SIGTERM, or when its parent has gone: the system closes the parent's end of a pipe then,
however the parent has ended. All other signals are for the parent, which stops its workers itself.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import orjson

from payments_sandbox.cli.failure import CommandFailedError
from payments_sandbox.cli.processes.server_process import run_to_the_end, served
from payments_sandbox.cli.processes.signals import unblock_signals
from payments_sandbox.cli.state_file import state_file_of
from payments_sandbox.cluster.mailbox import Mailbox, Outgoing
from payments_sandbox.cluster.places import Here
from payments_sandbox.cluster.server import SharedServer
from payments_sandbox.cluster.workers import WorkerDirectory
from payments_sandbox.server.factory import AssembledServer
from payments_sandbox.server.http_server import listening
from payments_sandbox.server.listening.listeners import ListeningAt
from payments_sandbox.server.server_totals import ServerTotals

_KEYS_OF_A_START: Final = 2**40
"""Keys that one run of a worker may draw; its replacement begins after them, and repeats none."""


class Inherited(NamedTuple):
    """What the workers of a server inherit from their parent.

    Attributes:
        arguments: the options of the server.
        sandbox: a server that does not listen yet, of which each worker has a copy.
        bound: the sockets to accept connections from.
        boxes: the mailbox of each worker.
        parents_box: the mailbox of their parent.
        lives: a pipe that nobody writes to; only the parent keeps its writing end.
    """

    arguments: argparse.Namespace
    sandbox: AssembledServer
    bound: Sequence[socket.socket]
    boxes: Sequence[Mailbox]
    parents_box: Mailbox
    lives: tuple[int, int]


class WorkerStart(NamedTuple):
    """One start of a worker.

    Attributes:
        worker: its index.
        number: how many times it was started before.
        lost: the keys whose worlds were lost with its predecessor.
        reason: what happened to them, worded to follow "was".
    """

    worker: int
    number: int = 0
    lost: Sequence[str] = ()
    reason: str = ""


class WorkerReport(NamedTuple):
    """A message from a worker to its parent.

    Attributes:
        worker: its index.
        what: `ready`, `made`, `dropped`, `summary` or `failed`.
        given: the key whose world was made or dropped; the values of a `Summary`; the reason of the
            failure, and the exit code.
    """

    worker: int
    what: str
    given: Any = None


def read_report(text: bytes) -> WorkerReport:
    """Parse a message of a worker."""
    return WorkerReport(*orjson.loads(text))


def work(inherited: Inherited, start: WorkerStart) -> None:
    """Be a worker in the process that was started for it; exits with its exit code."""
    signal.set_wakeup_fd(-1)  # the parent's
    os.close(inherited.lives[1])
    sys.exit(run_to_the_end(_work(inherited, start)))


class _Parent:
    """Reports to the parent; as the `Ownership` of the worlds it also learns of each."""

    def __init__(self, inherited: Inherited, start: WorkerStart) -> None:
        self._index = start.worker
        self._directory = WorkerDirectory(start.worker, len(inherited.boxes))
        self._messages_out = Outgoing(inherited.parents_box.writer)

    def report(self, what: str, given: object = None) -> None:
        """Send a report."""
        self._messages_out.send(orjson.dumps([*WorkerReport(self._index, what, given)]))

    async def flush(self) -> None:
        """Wait until all reports are sent."""
        await self._messages_out.flush()

    def owns(self, api_key: str) -> bool:
        """Whether a key is owned by this worker."""
        return self._directory.place_of(api_key) == Here()

    def accept_drawn(self, api_key: str) -> bool:
        """Whether a newly drawn key is owned by this worker."""
        return self.owns(api_key)

    def made(self, api_key: str) -> None:
        """Report that a key now has a world."""
        self.report("made", api_key)

    def dropped(self, api_key: str) -> None:
        """Report that a key no longer has a world."""
        self.report("dropped", api_key)


async def _work(inherited: Inherited, start: WorkerStart) -> int:
    told_to_stop, parent, code = asyncio.Event(), _Parent(inherited, start), 0
    _stop_when_told(inherited.lives[0], told_to_stop)
    try:
        await _serve(inherited, start, parent, told_to_stop)
    except CommandFailedError as error:
        parent.report("failed", [str(error), error.code])
        code = error.code
    await parent.flush()
    return code


async def _serve(
    inherited: Inherited, start: WorkerStart, parent: _Parent, told_to_stop: asyncio.Event
) -> None:
    worlds, totals = inherited.sandbox.runtime.worlds, None
    worlds.share(parent)
    worlds.begin_keys_at(start.number * _KEYS_OF_A_START)
    for key in start.lost:
        worlds.record_loss(key, start.reason)
    server = served(_own(inherited, start), inherited.sandbox, _listening(inherited, start))
    async with server as listening:
        if listening.log.is_wanted:
            totals = listening.runtime.totals = ServerTotals(worlds)
        parent.report("ready")
        await told_to_stop.wait()
    if totals is not None:
        from payments_sandbox.cli.serve_log import summary_of

        parent.report("summary", [*summary_of(listening.runtime.metrics, totals)])


def _stop_when_told(life: int, told_to_stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def parent_has_gone() -> None:
        loop.remove_reader(life)
        told_to_stop.set()

    loop.add_reader(life, parent_has_gone)
    loop.add_signal_handler(signal.SIGTERM, told_to_stop.set)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    unblock_signals()


def _own(inherited: Inherited, start: WorkerStart) -> argparse.Namespace:
    """The server's options for this worker: its own state file, and no ready file."""
    options = {**vars(inherited.arguments), "ready_file": None}
    if (folder := inherited.arguments.state) is not None:
        options["state"] = state_file_of(folder, start.worker, len(inherited.boxes))
    return argparse.Namespace(**options)


def _answer(sandbox: AssembledServer, question: str, arguments: list[Any] | None) -> object:
    from payments_sandbox.server.control.questions import answer

    return answer(sandbox.runtime, question, arguments)


@contextlib.asynccontextmanager
async def _listening(inherited: Inherited, start: WorkerStart) -> AsyncIterator[ListeningAt]:
    sandbox = inherited.sandbox
    writers = {index: box.writer for index, box in enumerate(inherited.boxes)}
    del writers[start.worker]
    server = SharedServer(
        sandbox.handler,
        sandbox.settings.body_timeout,
        WorkerDirectory(start.worker, len(inherited.boxes)),
        writers,
        partial(_answer, sandbox),
    )
    sandbox.runtime.elsewhere = server
    async with (
        listening(sandbox, http_server=server, bound=inherited.bound) as at,
        server.receiving(inherited.boxes[start.worker].reader),
    ):
        yield at
