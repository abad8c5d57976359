"""Owns a command that runs beside a server: it is told of signals, and never left behind."""

import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from payments_sandbox.cli import supervisor

GRACE: Final = 5.0
"""Seconds that a command has to end after SIGTERM, or when its terminal has gone."""

_ENDS: Final = frozenset({signal.SIGTERM, signal.SIGHUP})


class NotStartedError(Exception):
    """There is no command to run; the text is the system's reason.

    Attributes:
        errno: the system's number for it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(os.strerror(number))
        self.errno = number


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
        """Wait for it; its exit code, or 128 and the number of the signal that ended it."""
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
        if number not in _ENDS:
            return
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().call_later(self._grace, self.kill)
        else:
            self.kill()

    def kill(self) -> None:
        """End all of the group at once."""
        self._send(signal.SIGKILL)

    def _send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._group, number)


@contextlib.asynccontextmanager
async def running(
    words: Sequence[str], environment: Mapping[str, str], *, grace: float = GRACE
) -> AsyncIterator[Command]:
    """Run a command until the block ends, and end what is left of its group then.

    Raises:
        NotStartedError: there is no such command, or it cannot be run.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",  # what the environment says to Python is for the command
            supervisor.__file__,
            str(theirs.fileno()),
            *words,
            env=environment,
            pass_fds=[theirs.fileno()],
        )
    lines, line = await asyncio.open_connection(sock=ours)
    try:
        yield Command(_group_in(await lines.readline()), lines, grace)
    finally:
        line.close()
        await process.wait()


def _group_in(line: bytes) -> int:
    match line.split():
        case [b"started", group]:
            return int(group)
        case [b"refused", number]:
            raise NotStartedError(int(number))
        case _:  # a signal has ended the supervisor before it had its handlers
            raise NotStartedError(errno.EINTR)
