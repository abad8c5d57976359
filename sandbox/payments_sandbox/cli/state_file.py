"""Owns the file of `serve --state`: read before the server listens, written whole or not at all."""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from payments_sandbox.cli.output_files import replaced
from payments_sandbox.server.factory import AssembledServer
from payments_sandbox.world.state_file import NoStateError, lines_of, read_lines

_log: Final = logging.getLogger("sandbox.state")

SAVE_EVERY: Final = 30
"""Wall seconds between two times that the state is saved, beside the last one at the end."""


class StateFile:
    """The state of one server on disk."""

    def __init__(self, path: Path, sandbox: AssembledServer) -> None:
        self._path = path
        self._worlds = sandbox.runtime.worlds

    def load(self) -> None:
        """Take over what the file has; a file that is not there is one that is still to come.

        Raises:
            NoStateError: the file is torn, foreign, or cannot be read; it is left as it is.
        """
        try:
            with self._path.open("rb") as file:
                kept = read_lines(file)
        except FileNotFoundError:
            return
        except OSError as error:
            raise NoStateError(error.strerror or str(error)) from None
        for world in [each.restored(self._worlds.context) for each in kept]:
            self._worlds.put(world)

    def save(self) -> None:
        """Write it anew: whatever happens, there is a whole file.

        Raises:
            OSError: the file cannot be written.
        """
        with replaced(self._path) as file:
            file.writelines(line + b"\n" for line in lines_of(self._worlds))
            file.flush()
            os.fsync(file.fileno())

    @contextlib.asynccontextmanager
    async def saving(self) -> AsyncIterator[None]:
        """Save now and then until the block ends."""
        task = asyncio.create_task(self._save_now_and_then())
        try:
            yield
        finally:
            task.cancel()

    async def _save_now_and_then(self) -> None:
        never = asyncio.Event()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SAVE_EVERY):
                    await never.wait()
            try:
                self.save()
            except OSError as error:
                _log.warning("the state could not be saved in %s: %s", self._path, error.strerror)
