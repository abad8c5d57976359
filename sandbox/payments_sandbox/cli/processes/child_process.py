"""Owns a command that runs beside a server: it is told of signals, and never left behind.

Where the system has no process groups, as Windows, every process of a console hears Ctrl-C itself,
so nothing is passed on. What can be ended there is the command alone (`LoneCommand`): what it has
started, and the command of a run that was killed, goes on.
"""

import asyncio
import contextlib
import errno
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Final, cast

from payments_sandbox.client.environment import sandbox_variables, without_proxy

GRACE: Final = 5.0
"""Seconds that a command has to end after SIGTERM, or when its terminal has gone."""

NOT_FOUND: Final = 127
NOT_RUNNABLE: Final = 126

_KEPT: Final = 64 * 1024
"""Bytes of each stream whose end is kept."""

_STREAMS_END: Final = 0.5
"""Seconds to wait for streams to end once their processes were ended."""

Streams = tuple[int | None, int | None, int | None]
"""The descriptors of stdin, stdout and stderr; None inherits ours."""

_ENDS: Final = frozenset({"SIGTERM", "SIGHUP"})
"""Names of the signals that are meant to end a command; Windows lacks some of them."""


class NotStartedError(Exception):
    """There is no command to run; the text is the system's reason.

    Attributes:
        exit_code: as shells have it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(os.strerror(number))
        self.exit_code = NOT_FOUND if number == errno.ENOENT else NOT_RUNNABLE


class Output:
    """The end of what a command prints: it may print any amount.

    The pipes are our own: asyncio waits for the end of those that it makes, which may never come.
    """

    def __init__(self) -> None:
        self._tails = (bytearray(), bytearray())
        self._reading: list[asyncio.Task[None]] = []

    @property
    def printed(self) -> str:
        """The end of its stdout."""
        return self._tails[0].decode("utf-8", "replace")

    @property
    def errors(self) -> str:
        """The end of its stderr."""
        return self._tails[1].decode("utf-8", "replace")

    @contextlib.asynccontextmanager
    async def pipes(self) -> AsyncIterator[Streams]:
        """Give the streams for a process that is started in the block, and read what it prints."""
        writers: list[int] = []
        for tail in self._tails:
            read, write = os.pipe()
            writers.append(write)
            self._reading.append(asyncio.create_task(_keep_end(read, tail)))
        try:
            yield asyncio.subprocess.DEVNULL, writers[0], writers[1]
        finally:
            for write in writers:
                os.close(write)

    async def end(self) -> None:
        """Read what is left, for a moment: a process outside the group may keep them open."""
        _, pending = await asyncio.wait(self._reading, timeout=_STREAMS_END)
        for each in pending:
            each.cancel()


async def _keep_end(pipe: int, tail: bytearray) -> None:
    stream = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(pipe, "rb", 0)
    )
    with contextlib.closing(transport):
        while data := await stream.read(_KEPT):
            tail += data
            del tail[:-_KEPT]


class Command:
    """A command that runs, and whatever it has started in its process group.

    Attributes:
        has_ended: whether its end has been waited for.
    """

    def __init__(self, group: int, lines: asyncio.StreamReader, grace: float) -> None:
        self._group = group
        self._lines = lines
        self._grace = grace
        self._deadline: asyncio.TimerHandle | None = None
        self.has_ended = False

    async def ended(self) -> int:
        """Wait for its end; return its exit code, or 128 plus the number of the signal."""
        line = await self._lines.readline()
        self.has_ended = True
        if self._deadline is not None:
            self._deadline.cancel()
        if not line:  # somebody has killed the supervisor
            self.kill()
            return 128 + signal.SIGKILL
        code = int(line.split()[1])
        return code if code >= 0 else 128 - code

    def forward(self, number: int) -> None:
        """Pass a signal on to all of the group.

        After SIGTERM or SIGHUP it has `grace` seconds, or until the next, and is killed then.
        """
        self._send(number)
        if signal.Signals(number).name not in _ENDS:
            return
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().call_later(self._grace, self.kill)
        else:
            self.kill()

    def kill(self) -> None:
        """Kill the whole group."""
        self._send(signal.SIGKILL)

    def _send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._group, number)


def environment_of(facts: Mapping[str, object]) -> dict[str, str]:
    """Make the environment of a command: ours, and the variables that say where the server is."""
    names = ("base_url", "api_key", "webhook_secret", "sandbox_url")
    token = facts.get("control_token")
    given = sandbox_variables(
        **{name: str(facts[name]) for name in names},
        token=None if token is None else str(token),
        tls_faults=cast("Mapping[str, str]", facts.get("tls_faults", {})),
        ca_file=facts.get("ca_file"),
        ca_bundle=facts.get("ca_bundle"),
    )
    return {**os.environ, **without_proxy(given["PAYMENTS_BASE_URL"], os.environ), **given}


@contextlib.asynccontextmanager
async def running(
    words: Sequence[str],
    environment: Mapping[str, str],
    *,
    grace: float = GRACE,
    output: "Output | None" = None,
    folder: Path | None = None,
) -> AsyncIterator[Command]:
    """Run a command until the block ends, and end what is left of its group then.

    Args:
        words: of the command.
        environment: all of it.
        grace: seconds that it has to end after SIGTERM.
        output: gets what it prints, and it reads nothing then; else the streams are ours.
        folder: where it runs, if that is not where we do.

    Raises:
        NotStartedError: there is no such command, or it cannot be run.
    """
    from payments_sandbox.cli.processes import supervisor

    async with contextlib.AsyncExitStack() as at_end:
        ours, theirs = map(at_end.enter_context, socket.socketpair())
        lines, line = await asyncio.open_connection(sock=ours)
        at_end.callback(line.close)
        async with _ours() if output is None else output.pipes() as (stdin, stdout, stderr):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",  # what the environment says to Python is for the command
                supervisor.__file__,
                str(theirs.fileno()),
                *words,
                env=environment,
                pass_fds=[theirs.fileno()],
                cwd=folder,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
            )
        # From here on it is waited for, even where whoever has started it is cancelled at once.
        try:
            theirs.close()
            yield Command(_group_in(await lines.readline()), lines, grace)
        finally:
            line.close()
            await _wait_for(process)
            if output is not None:
                await output.end()


async def _wait_for(process: asyncio.subprocess.Process) -> None:
    """Wait for a process that is about to end, whoever cancels the waiting meanwhile.

    One that ends when its loop has is told of on stderr, by asyncio.
    """
    waiting, cancelled = asyncio.ensure_future(process.wait()), None
    while not waiting.done():
        try:
            await asyncio.shield(waiting)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


@contextlib.asynccontextmanager
async def _ours() -> AsyncIterator[Streams]:
    """Let a command inherit our streams."""
    yield None, None, None


def _group_in(line: bytes) -> int:
    match line.split():
        case [b"started", group]:
            return int(group)
        case [b"refused", number]:
            raise NotStartedError(int(number))
        case _:  # a signal has ended the supervisor before it had its handlers
            raise NotStartedError(errno.EINTR)


class LoneCommand:
    """A command that runs, in the console that we have.

    Attributes:
        has_ended: whether its end has been waited for.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.has_ended = False

    async def ended(self) -> int:
        """Wait for it; its exit code."""
        code = await self._process.wait()
        self.has_ended = True
        return code

    def forward(self, number: int) -> None:
        """Ignore a signal: the command has received it, too."""

    def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()


@contextlib.asynccontextmanager
async def running_alone(
    words: Sequence[str], environment: Mapping[str, str]
) -> AsyncIterator[LoneCommand]:
    """Run a command until the block ends, with the streams that we have.

    One such as `npm` is found as `npm.cmd`, as a shell finds it.

    Raises:
        NotStartedError: there is no such command, or it cannot be run.
    """
    program = shutil.which(words[0], path=environment.get("PATH")) or words[0]
    try:
        process = await asyncio.create_subprocess_exec(program, *words[1:], env=environment)
    except OSError as error:
        raise NotStartedError(error.errno or errno.ENOEXEC) from None
    command = LoneCommand(process)
    try:
        yield command
    finally:
        command.kill()
        await process.wait()
