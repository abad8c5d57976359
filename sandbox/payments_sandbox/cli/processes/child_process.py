"""Owns a command that runs next to a server: it gets our signals, and never outlives us.

Systems without process groups, such as Windows, deliver Ctrl-C to every process of a console, so
nothing is passed on there. Only the command itself can be ended (`LoneCommand`). What it has
started goes on, and so does the command if our process is killed.
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
"""Seconds that a command has to end after SIGTERM or SIGHUP."""

NOT_FOUND: Final = 127
NOT_RUNNABLE: Final = 126

_KEPT: Final = 64 * 1024
"""Bytes that are kept of the end of each stream."""

_STREAMS_END: Final = 0.5
"""Seconds to wait for the end of the streams once their processes have ended."""

Streams = tuple[int | None, int | None, int | None]
"""The descriptors of stdin, stdout and stderr; None inherits ours."""

_ENDS: Final = frozenset({"SIGTERM", "SIGHUP"})
"""Names of the signals that ask a command to end; Windows lacks some of them."""


class NotStartedError(Exception):
    """The command cannot be started; the text is the system's reason.

    Attributes:
        exit_code: the code that a shell would exit with.
    """

    def __init__(self, number: int) -> None:
        super().__init__(os.strerror(number))
        self.exit_code = NOT_FOUND if number == errno.ENOENT else NOT_RUNNABLE


class Output:
    """The end of what a command prints, whose amount is unlimited.

    The pipes are our own: asyncio would wait until its pipes are closed, which may never happen.
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
        """Yield the streams for a process that is started in the block, and read its output."""
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
        """Read what is left, but not for long: a process outside the group may keep them open."""
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
    """A running command, with all processes in its process group.

    Attributes:
        has_ended: whether its end was waited for.
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
        if not line:  # the supervisor was killed
            self.kill()
            return 128 + signal.SIGKILL
        code = int(line.split()[1])
        return code if code >= 0 else 128 - code

    def forward(self, number: int) -> None:
        """Pass a signal on to the whole group.

        After SIGTERM or SIGHUP the group is killed after `grace` seconds, or at the next signal.
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
    """The environment of a command: ours, with the variables that say where the server is."""
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
    """Run a command until the block ends, then end what is left of its group.

    Args:
        words: of the command.
        environment: the complete environment.
        grace: seconds that it has to end after SIGTERM.
        output: collects its output, and gives it no input; by default it inherits our streams.
        folder: its working folder; by default ours.

    Raises:
        NotStartedError: there is no such command, or it cannot be run.
    """
    from payments_sandbox.cli.processes import supervisor

    async with contextlib.AsyncExitStack() as at_end:
        ours, theirs = map(at_end.enter_context, socket.socketpair())
        lines, line = await asyncio.open_connection(sock=ours)
        at_end.callback(line.close)
        async with (
            _inheriting_streams() if output is None else output.pipes() as (stdin, stdout, stderr)
        ):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",  # Python's variables in the environment are meant for the command
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
        # From here on the process is waited for, even if the caller is cancelled at once.
        try:
            theirs.close()
            yield Command(_group_in(await lines.readline()), lines, grace)
        finally:
            line.close()
            await _wait_for(process)
            if output is not None:
                await output.end()


async def _wait_for(process: asyncio.subprocess.Process) -> None:
    """Wait for a process that is about to end, even if the waiting is cancelled.

    If a process outlives its loop, asyncio prints a warning on stderr.
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
async def _inheriting_streams() -> AsyncIterator[Streams]:
    """Let a command inherit our streams."""
    yield None, None, None


def _group_in(line: bytes) -> int:
    match line.split():
        case [b"started", group]:
            return int(group)
        case [b"refused", number]:
            raise NotStartedError(int(number))
        case _:  # a signal ended the supervisor before it had installed its handlers
            raise NotStartedError(errno.EINTR)


class LoneCommand:
    """A running command on a system without process groups, in our console.

    Attributes:
        has_ended: whether its end was waited for.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.has_ended = False

    async def ended(self) -> int:
        """Wait for its end; return its exit code."""
        code = await self._process.wait()
        self.has_ended = True
        return code

    def forward(self, number: int) -> None:
        """Do nothing: the command has received the signal as well."""

    def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()


@contextlib.asynccontextmanager
async def running_alone(
    words: Sequence[str], environment: Mapping[str, str]
) -> AsyncIterator[LoneCommand]:
    """Run a command until the block ends, with our streams.

    A name such as `npm` finds `npm.cmd`, as in a shell.

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
