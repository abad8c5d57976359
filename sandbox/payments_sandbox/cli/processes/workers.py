"""Owns `serve --workers N`: the parent of N processes that share an address and own the worlds.

1. Everything is put together once, and each worker is a forked copy of it. The parent starts
   neither a loop nor a thread, so that it can fork at any time.
2. The parent handles the ready file, the first output and the signals. It serves nothing itself.
3. A worker reports which keys have worlds in it. If it dies, the parent logs which were lost and
   starts a replacement. New worlds of these keys say that an earlier one was lost, and how.
4. When the parent is told to stop, it stops all workers. When it is killed, the system closes
   its end of a pipe, which stops them as well.
"""

import argparse
import logging
import multiprocessing
import os
import select
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.context import ForkProcess
from typing import Any, Final, TextIO

from payments_sandbox.cli.failure import FAILED, MISTAKEN
from payments_sandbox.cli.options import refuse
from payments_sandbox.cli.processes.server_process import (
    LOOK_FOR_READER_EVERY,
    CannotServeError,
    Facts,
    assemble_server,
    cannot_listen,
    facts_of,
    no_ready_file,
    write_ready_file,
)
from payments_sandbox.cli.processes.signals import heard_signals, signals_blocked
from payments_sandbox.cli.processes.worker import (
    Inherited,
    WorkerStart,
    read_report,
    work,
)
from payments_sandbox.cli.server_options import read_settings
from payments_sandbox.cli.state_file import placed_worlds
from payments_sandbox.cluster.mailbox import open_mailbox, receive_message
from payments_sandbox.cluster.workers import owner_of
from payments_sandbox.core.wording import counted, first_of
from payments_sandbox.server.listening.listeners import at_bound, bound_before
from payments_sandbox.world.state_file import NoStateError

_log: Final = logging.getLogger("payments_sandbox.cli.workers")  # as docs/cli.md shows it

_MAX_FAILED_STARTS: Final = 3
"""How many times in a row a worker may end before it is ready."""

_KEYS_SHOWN: Final = 20
_CHUNK: Final = 65_536
_STDIN: Final = 0


def serve_with_workers(
    arguments: argparse.Namespace,
    announce: Callable[[Facts], None],
    *,
    log_to: TextIO | None,
) -> int:
    """Serve with several workers until a signal, or as long as stdin is open.

    Args:
        arguments: of `serve`.
        announce: called with the facts about the server once all workers are ready.
        log_to: the stream for the log of requests and webhooks; None for no log.

    Raises:
        CannotServeError: the server cannot start, a worker ends at once, or the end fails.
        UnwritableError: the ready file cannot be written.
    """
    with (
        prepared_workers(arguments, log_to=log_to) as (inherited, facts),
        heard_signals() as stop_socket,
    ):
        is_watched = arguments.until_stdin_closes
        summaries = keep_workers(
            inherited, facts, stop_socket, announce, is_stdin_watched=is_watched
        )
    if summaries:
        from payments_sandbox.cli.serve_log import Summary, joined, print_summary

        print_summary(arguments, joined(Summary(*each) for each in summaries))
    return 0


def keep_workers(  # noqa: PLR0913 - what their parent has, and whom it tells
    inherited: Inherited,
    facts: Facts,
    stop_socket: socket.socket,
    announce: Callable[[Facts], None],
    *,
    on_death: Callable[[str], None] | None = None,
    is_stdin_watched: bool = False,
) -> list[list[Any]]:
    """Keep the workers running until told to stop, and wait until they have ended.

    Args:
        inherited: what they inherit from their parent.
        facts: the facts about the server.
        stop_socket: becomes readable when they have to stop.
        announce: called with the facts once all workers are ready.
        on_death: called with a description of each worker that has died.
        is_stdin_watched: whether the end of stdin stops them, too.

    Returns:
        What they have done: the values of each one's `Summary`.

    Raises:
        CannotServeError, UnwritableError: as for `serve_with_workers`.
    """
    group = _Group(inherited, on_death)
    try:
        group.start_all()
        _watch(group, facts, stop_socket, announce, is_stdin_watched=is_stdin_watched)
    finally:
        group.stop()
    return group.summaries


@contextmanager
def prepared_workers(
    arguments: argparse.Namespace,
    *,
    log_to: TextIO | None,
    level: int = logging.INFO,
) -> Iterator[tuple[Inherited, Facts]]:
    """Provide everything that workers need before they start, until the block ends.

    Raises:
        CannotServeError: the address or the folder of the worlds cannot be used.
    """
    settings = read_settings(arguments)
    share = replace(settings, max_worlds=max(2, -(-settings.max_worlds // arguments.workers)))
    sandbox = assemble_server(arguments, share, log_to=log_to, level=level)
    with ExitStack() as stack:
        stack.enter_context(_reserved_folder(arguments))
        stack.enter_context(no_ready_file(arguments.ready_file))
        try:
            bound = bound_before(settings, stack)
        except OSError as error:
            raise cannot_listen(settings, error) from None
        boxes = [open_mailbox() for _ in range(arguments.workers)]
        yield (
            Inherited(arguments, sandbox, bound, boxes, open_mailbox(), os.pipe()),
            facts_of(settings, at_bound(settings, bound)),
        )


@contextmanager
def _reserved_folder(arguments: argparse.Namespace) -> Iterator[None]:
    """Reserve the folder of the worlds for the block, each world in its owner's file."""
    if (folder := arguments.state) is None:
        yield
        return
    if folder.exists() and not folder.is_dir():
        expected = "expected a folder, since each worker has its own file"
        hint = f": mkdir worlds && mv {folder} worlds/one.state, and --state worlds uses it"
        refuse(arguments, "--state", expected + hint * folder.is_file())
    with ExitStack() as stack:
        owner = partial(owner_of, workers=arguments.workers)
        try:
            stack.enter_context(placed_worlds(folder, arguments.workers, owner))
        except NoStateError as error:
            raise CannotServeError(f"cannot use {folder}: {error}", MISTAKEN) from None
        except OSError as error:
            raise CannotServeError(f"cannot use {folder}: {error.strerror}", MISTAKEN) from None
        yield


@dataclass(slots=True)
class _Worker:
    """One worker, as its parent knows it.

    Attributes:
        keys: those with a world in it, the oldest first.
        lost: those whose worlds were lost with its predecessors, and have not been made again.
        failed_starts: how many predecessors in a row ended before they were ready.
    """

    start: WorkerStart
    process: ForkProcess
    keys: dict[str, None] = field(default_factory=dict)
    lost: dict[str, None] = field(default_factory=dict)
    failed_starts: int = 0
    is_ready: bool = False


class _Group:
    """The workers of one server.

    Attributes:
        ready_file: the file to write when all of them are ready.
        reports: the socket that they report to.
        summaries: the values of a `Summary` of each worker that has stopped normally.
    """

    def __init__(self, inherited: Inherited, on_death: Callable[[str], None] | None) -> None:
        self._inherited = inherited
        self._on_death = on_death
        self._workers: dict[int, _Worker] = {}
        self._failure: CannotServeError | None = None
        self._is_stopped = False
        self.ready_file = inherited.arguments.ready_file
        self.reports = inherited.parents_box.reader
        self.summaries: list[list[Any]] = []

    @property
    def are_ready(self) -> bool:
        """Whether all workers serve."""
        return all(worker.is_ready for worker in self._workers.values())

    @property
    def sentinels(self) -> list[int]:
        """Descriptors that become readable when a worker has ended."""
        return [worker.process.sentinel for worker in self._workers.values()]

    def start_all(self) -> None:
        """Start all workers."""
        for index in range(len(self._inherited.boxes)):
            self._start(WorkerStart(index))

    def receive_reports(self) -> None:
        """Read the reports of the workers."""
        while (message := receive_message(self.reports)) is not None:
            report = read_report(message.text)
            worker = self._workers[report.worker]
            match report.what:
                case "ready":
                    worker.is_ready = True
                case "made":
                    worker.keys[report.given] = None
                    worker.lost.pop(report.given, None)
                case "dropped":
                    worker.keys.pop(report.given, None)
                    worker.lost.pop(report.given, None)
                case "summary":
                    self.summaries.append(report.given)
                case _:
                    self._failure = self._failure or CannotServeError(*report.given)

    def renew_dead(self) -> None:
        """Replace each worker that has ended.

        Raises:
            CannotServeError: the last ones all ended before they were ready.
        """
        for worker in [each for each in self._workers.values() if not each.process.is_alive()]:
            self.receive_reports()  # what it reported before it ended
            how = _end_of(worker.process)
            failed_starts = 0 if worker.is_ready else worker.failed_starts + 1
            if self._failure is not None or failed_starts > _MAX_FAILED_STARTS:
                problem = f"{_name(worker)} {how} before it was ready"
                self._failure = self._failure or CannotServeError(problem, FAILED)
                self.stop()
            _log.error("%s", _describe_end(worker, how, has_state=self._inherited.arguments.state))
            if self._on_death is not None:
                self._on_death(f"{_name(worker)} {how}")
            reason = f"lost with worker {worker.start.worker + 1}, which {how}"
            lost = worker.lost | worker.keys
            number = worker.start.number + 1
            self._start(
                WorkerStart(worker.start.worker, number, tuple(lost), reason), failed_starts
            )

    def stop(self) -> None:
        """Stop all workers, and wait until they have ended.

        Raises:
            CannotServeError: one could not store its worlds, or has ended abnormally.
        """
        if self._is_stopped:
            return
        self._is_stopped = True
        for worker in self._workers.values():
            if worker.process.is_alive():  # so nobody has reaped it, and its id is still its own
                worker.process.terminate()
                os.kill(worker.process.pid or 0, signal.SIGCONT)  # it may be suspended
        while alive := [each.process for each in self._workers.values() if each.process.is_alive()]:
            heard: list[socket.socket | int] = [self.reports, *(each.sentinel for each in alive)]
            select.select(heard, [], [])  # read reports meanwhile, to make room for more
            self.receive_reports()
        self.receive_reports()
        if self._failure is not None:
            raise self._failure
        for worker in self._workers.values():
            if worker.process.exitcode:
                raise CannotServeError(f"{_name(worker)} {_end_of(worker.process)}", FAILED)

    def _start(self, start: WorkerStart, failed_starts: int = 0) -> None:
        context = multiprocessing.get_context("fork")
        process = context.Process(target=work, args=(self._inherited, start))
        with signals_blocked():  # until the worker has its own handlers
            process.start()
        lost = dict.fromkeys(start.lost)
        self._workers[start.worker] = _Worker(
            start, process, lost=lost, failed_starts=failed_starts
        )


def _watch(
    group: _Group,
    facts: Facts,
    stop_socket: socket.socket,
    announce: Callable[[Facts], None],
    *,
    is_stdin_watched: bool,
) -> None:
    """Keep the workers running until told to stop, and announce them once, when all are ready."""
    stdin = [_STDIN] if is_stdin_watched else []
    is_announced, is_written = False, group.ready_file is None
    while True:
        heard: list[socket.socket | int] = [stop_socket, group.reports, *group.sentinels, *stdin]
        pause = LOOK_FOR_READER_EVERY if is_announced and not is_written else None
        readable, _, _ = select.select(heard, [], [], pause)
        if stop_socket in readable or (_STDIN in readable and _has_ended(_STDIN)):
            return
        group.receive_reports()
        group.renew_dead()
        if is_announced or group.are_ready:
            is_written = is_written or write_ready_file(group.ready_file, facts)
            if not is_announced:
                is_announced = True
                announce(facts)


def _has_ended(stream: int) -> bool:
    """Whether a stream has ended; what can be read from it is discarded."""
    try:
        return not os.read(stream, _CHUNK)
    except OSError:  # a terminal that has gone
        return True


def _name(worker: _Worker) -> str:
    return f"worker {worker.start.worker + 1} (pid {worker.process.pid})"


def _end_of(process: ForkProcess) -> str:
    code = process.exitcode or 0
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"


def _describe_end(worker: _Worker, how: str, *, has_state: bool) -> str:
    """Describe for the log how a worker ended, and which worlds were lost with it."""
    keys = list(worker.keys)
    worlds = f"{counted(len(keys), 'world')}: {first_of(keys, _KEYS_SHOWN)}"
    lost = f"it lost {worlds}" if keys else "no world was lost"
    back = "; the last saved state is restored" if has_state and keys else ""
    return f"{_name(worker)} {how} and is restarted; {lost}{back}"
