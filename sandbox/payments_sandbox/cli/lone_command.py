"""Owns a command that runs beside a server where the system has no process groups, as Windows.

There every process of a console hears Ctrl-C itself, so nothing is passed on. What can be ended is
the command alone: what it has started, and the command of a run that was killed, goes on.
"""

import asyncio
import errno
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

from payments_sandbox.cli.child_process import NotStartedError


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
        with suppress(ProcessLookupError):
            self._process.kill()


@asynccontextmanager
async def running_alone(
    words: Sequence[str], environment: Mapping[str, str]
) -> AsyncIterator[LoneCommand]:
    """Run a command until the block ends, with the streams that we have.

    Args:
        words: of the command; one such as `npm` is found as `npm.cmd`, as a shell finds it.
        environment: of the command.

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
