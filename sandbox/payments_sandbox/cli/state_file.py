"""Owns what `serve --state` stores: one file for a server, or a folder of files for its workers.

Rules:

1. No other server can use the state from before it is read until after it is written last.
2. A world that cannot be saved is reported and left out; all others are saved.
3. While the server runs, a save is gathered in slices, and written outside the loop.
4. `2-of-4.state` in a folder is the file of the second of four workers. If the folder has files
   with other names, from another number of workers or from a single server, their worlds are
   written to the files of their current owners, and only then are the old files removed. If that
   is interrupted, the next start begins it again: of a world that is in two files, the one that was
   used last counts. Different worlds of one key are an error.
5. A worker's file that was renamed, or used by a single server meanwhile, may have worlds of other
   workers. It is renamed first, and then counts as a file with another name.
"""

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Final

from payments_sandbox.cli.terminal.progress import HowFar
from payments_sandbox.core.output_files import (
    FileInUseError,
    check_writable,
    replaced,
    reserved,
)
from payments_sandbox.core.slices import Slices, finish
from payments_sandbox.server.background import beside
from payments_sandbox.server.factory import AssembledServer
from payments_sandbox.server.slices import pause, run_in_slices
from payments_sandbox.world.state_file import (
    NoStateError,
    SavedWorld,
    keys_of,
    read_lines,
    rewritten,
    writing,
)
from payments_sandbox.world.world import World

_log: Final = logging.getLogger(__name__)

SAVE_EVERY: Final = 30
"""Wall seconds between two saves while the server runs; the last save is at its end."""


class StateFile:
    """The state of one server on disk.

    Attributes:
        unsaved: the keys of worlds that could not be saved.
        how_far: the progress of loading, while it loads.
    """

    def __init__(self, path: Path, sandbox: AssembledServer) -> None:
        self._path = path
        self._worlds = sandbox.runtime.worlds
        self._one_writes = threading.Lock()  # the last save may begin before an earlier one ends
        self._is_given_up = False
        self.unsaved: list[str] = []
        self.how_far: HowFar | None = None

    @contextlib.contextmanager
    def reserved(self) -> Iterator[None]:
        """Keep other servers from using the state until the block ends.

        Raises:
            NoStateError: another server uses it, or no state can be stored there.
        """
        with contextlib.ExitStack() as stack:
            try:
                if not _can_hold_state(self._path):
                    raise NoStateError(_NO_FILE)
                stack.enter_context(reserved(self._path))
                check_writable(self._path)
            except FileInUseError as error:
                raise NoStateError(str(error)) from None
            except OSError as error:
                raise NoStateError(error.strerror or str(error)) from None
            yield

    async def load(self) -> None:
        """Load the worlds of the file; a missing or empty file has none yet.

        Loading may take long, and does not block the loop: cancel it to stop.

        Raises:
            NoStateError: the file is damaged, foreign or unreadable; it is left unchanged.
        """
        try:
            saved = await asyncio.to_thread(_read, self._path, self._count_lines)
            worlds = await run_in_slices(self._restoring(saved))
        except asyncio.CancelledError:
            self._is_given_up = True  # otherwise the exit waits for the thread that reads
            raise
        for world in worlds:
            if (unused := self._worlds.get(world.config.api_key)) is not None:
                self._worlds.release(unused)  # the home world, made a moment ago
            self._worlds.put(world)

    def _count_lines(self, lines: Iterable[bytes], size: int) -> Iterator[bytes]:
        """Yield the lines of a file and count their bytes, until loading is given up."""
        done = 0
        for line in lines:
            if self._is_given_up:
                return
            done += len(line)
            self.how_far = HowFar(done, size, "read")
            yield line

    def _restoring(self, saved: Sequence[SavedWorld]) -> Slices[list[World]]:
        """Restore all worlds, or none if one of them fails."""
        done, total, worlds = 0, sum(each.slices for each in saved), []
        for number, each in enumerate(saved):
            work = each.restoring(self._worlds.context)
            words = f"{number} of {len(saved)} worlds restored"
            worlds.append((yield from self._count_slices(work, done, total, words)))
            done += each.slices
        return worlds

    def _count_slices(
        self, work: Slices[World], done: int, total: int, words: str
    ) -> Slices[World]:
        """Restore a world, and update the progress after each slice."""
        while True:
            try:
                next(work)
            except StopIteration as ended:
                world: World = ended.value
                return world
            done += 1
            self.how_far = HowFar(min(done, total), total, words)
            yield

    def save(self) -> None:
        """Write the file in one go.

        Raises:
            OSError: the file cannot be written.
        """
        self._write(finish(self._writing()))

    def _writing(self) -> Slices[list[bytes]]:
        self.unsaved = []
        return (yield from writing(self._worlds, self._note_unsaved))

    def _write(self, blocks: list[bytes]) -> None:
        """Replace the whole file: whatever happens, there is a complete one."""
        with self._one_writes, replaced(self._path, is_private=True) as file:
            file.writelines(blocks)

    def _note_unsaved(self, world: World, error: Exception) -> None:
        self.unsaved.append(world.config.api_key)
        _log.error(
            "cannot save the world %s, but all others were saved: %s: %s",
            world.config.api_key, type(error).__name__, error,
        )  # fmt: skip

    def saving(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Save periodically until the block ends."""
        return beside(self._save_periodically())

    async def _save_periodically(self) -> None:
        while True:
            await pause(SAVE_EVERY)
            try:
                # In a thread: a slow disk must not block the loop.
                await asyncio.to_thread(self._write, await run_in_slices(self._writing()))
            except OSError as error:
                _log.warning("cannot save the state in %s: %s", self._path, error.strerror)


_NO_FILE: Final = "expected a regular file: no other kind can be read back"


def _can_hold_state(path: Path) -> bool:
    """Whether a path is a file, does not exist, or is the null device."""
    if not path.exists() or path.is_file():
        return True
    return path.samefile(os.devnull)


_FILES: Final = "*.state"
_OWN: Final = "workers"
"""The name that is reserved while a server uses the folder."""


def state_file_of(folder: Path, index: int, workers: int) -> Path:
    """The path of one worker's file."""
    return folder / f"{index + 1}-of-{workers}.state"


@contextlib.contextmanager
def placed_worlds(folder: Path, workers: int, owner_of: Callable[[str], int]) -> Iterator[None]:
    """Move the worlds of a folder into the files of their owners, and reserve it for the block.

    Args:
        folder: is made if it does not exist.
        workers: how many there are.
        owner_of: returns the index of the worker that owns a key.

    Raises:
        NoStateError: the folder is in use, a file is not a state, or files have different worlds of
            one key; no world has moved.
        OSError: the system rejects an operation.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    with contextlib.ExitStack() as stack:
        _reserve(stack, folder / _OWN)
        _place_worlds(folder, workers, owner_of)
        yield


def _place_worlds(folder: Path, workers: int, owner_of: Callable[[str], int]) -> None:
    wanted = [state_file_of(folder, index, workers) for index in range(workers)]
    for index, file in enumerate(wanted):
        _rename_misplaced(file, index, owner_of)
    found = sorted(folder.glob(_FILES))
    others = [each for each in found if each not in wanted]
    if not others:
        return
    with contextlib.ExitStack() as stack:
        for each in found:
            _reserve_state(stack, each)
        owned: dict[int, list[SavedWorld]] = {index: [] for index in range(workers)}
        for world in _newest(found):
            owned[owner_of(world.api_key)].append(world)
        for index, file in enumerate(wanted):
            with replaced(file, is_private=True) as written:
                written.writelines(rewritten(owned[index]))
        for each in others:
            each.unlink()


def _rename_misplaced(file: Path, index: int, owner_of: Callable[[str], int]) -> None:
    """Rename the file of the worker with an index if it has worlds of another one."""
    if not file.exists():
        return
    with contextlib.ExitStack() as stack:
        _reserve_state(stack, file)
        with file.open("rb") as lines:
            if all(owner_of(key) == index for key in keys_of(lines)):
                return
        names = (file.with_name(f"misplaced-{number}-{file.name}") for number in count(1))
        file.rename(next(name for name in names if not os.path.lexists(name)))


def _reserve_state(stack: contextlib.ExitStack, file: Path) -> None:
    if not _can_hold_state(file):
        raise NoStateError(f"{file.name}: {_NO_FILE}")  # opening a pipe would block
    try:
        _reserve(stack, file)
    except OSError as error:
        raise NoStateError(f"{file.name}: {error.strerror or error}") from None


def _reserve(stack: contextlib.ExitStack, file: Path) -> None:
    try:
        stack.enter_context(reserved(file))
    except FileInUseError as error:
        raise NoStateError(f"{file.name}: {error}") from None


def _newest(files: Iterable[Path]) -> Iterable[SavedWorld]:
    """The latest version of each world in some files, the longest unused first.

    Raises:
        NoStateError: two files have different worlds of one key, and both were used.
    """
    newest: dict[str, tuple[SavedWorld, Path]] = {}
    for file in files:
        for world in _read_naming_file(file):
            before, where = newest.get(world.api_key, (world, file))
            if before.made_at != world.made_at and _is_used(before) and _is_used(world):
                both = f"{where.name} and {file.name} have different worlds of {world.api_key}"
                raise NoStateError(f"{both}: move one of the files out of the folder")
            if (_is_used(before), before.used_at) <= (_is_used(world), world.used_at):
                newest[world.api_key] = world, file
    return sorted((world for world, _ in newest.values()), key=lambda world: world.used_at)


def _is_used(world: SavedWorld) -> bool:
    """Whether anybody has used it; each server makes the home world at its start."""
    return world.used_at > world.made_at


def _read_naming_file(file: Path) -> Sequence[SavedWorld]:
    """The worlds of one file; an error has its name."""
    try:
        return _read(file)
    except NoStateError as error:
        raise NoStateError(f"{file.name}: {error}") from None


def _read(
    path: Path, counted: Callable[[Iterable[bytes], int], Iterable[bytes]] = lambda lines, _: lines
) -> Sequence[SavedWorld]:
    """The worlds of a file; none if it is empty or does not exist.

    Args:
        path: of the file.
        counted: gets the lines and the size of the file, and yields the lines.

    Raises:
        NoStateError: it is not a state, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            return read_lines(counted(file, size)) if size else ()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise NoStateError(error.strerror or str(error)) from None
