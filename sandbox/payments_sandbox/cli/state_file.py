"""Owns what `serve --state` keeps: one server's file, or with several workers a folder of files.

Rules:

1. From before it is read until after it was written for the last time, no other server has it.
2. A world that cannot be saved is said and left out; all others are saved.
3. While the server runs, a save is gathered in slices and written beside the loop.
4. `2-of-4.state` in a folder is the file of the second of four workers. Where the folder has files
   of other names, be it of another number of workers or of a server without any, their worlds are
   written to the files of those who own them now, and only then are the others removed. Whoever is
   interrupted at that begins again: of a world that is in two files, the one that was used last
   counts.
"""

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
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
    read_lines,
    rewritten,
    writing,
)
from payments_sandbox.world.world import World

_log: Final = logging.getLogger(__name__)

SAVE_EVERY: Final = 30
"""Wall seconds between two times that the state is saved, beside the last one at the end."""


class StateFile:
    """The state of one server on disk.

    Attributes:
        unsaved: the keys of worlds that could not be saved.
        how_far: how far it is loaded, while it is.
    """

    def __init__(self, path: Path, sandbox: AssembledServer) -> None:
        self._path = path
        self._worlds = sandbox.runtime.worlds
        self._one_writes = threading.Lock()  # the last save may find the one before under way
        self._is_given_up = False
        self.unsaved: list[str] = []
        self.how_far: HowFar | None = None

    @contextlib.contextmanager
    def reserved(self) -> Iterator[None]:
        """Let no other server use it until the block ends.

        Raises:
            NoStateError: another one does, or it is nothing that a state can be kept in.
        """
        with contextlib.ExitStack() as stack:
            try:
                if not _can_be_kept_in(self._path):
                    raise NoStateError(_NO_FILE)
                stack.enter_context(reserved(self._path))
                check_writable(self._path)
            except FileInUseError as error:
                raise NoStateError(str(error)) from None
            except OSError as error:
                raise NoStateError(error.strerror or str(error)) from None
            yield

    async def load(self) -> None:
        """Take over what the file has; one that is empty or not there is still to come.

        It may take long, and the loop goes on meanwhile: whoever is told to stop cancels it.

        Raises:
            NoStateError: the file is torn, foreign, or cannot be read; it is left as it is.
        """
        try:
            kept = await asyncio.to_thread(_read, self._path, self._counted)
            worlds = await run_in_slices(self._restoring(kept))
        except asyncio.CancelledError:
            self._is_given_up = True  # the thread that reads is waited for at the exit
            raise
        for world in worlds:
            self._worlds.put(world)

    def _counted(self, lines: Iterable[bytes], size: int) -> Iterator[bytes]:
        """Yield the lines of a file, counting the bytes, until loading is given up."""
        done = 0
        for line in lines:
            if self._is_given_up:
                return
            done += len(line)
            self.how_far = HowFar(done, size, "read")
            yield line

    def _restoring(self, kept: Sequence[SavedWorld]) -> Slices[list[World]]:
        """Restore all worlds; if one cannot be restored, none is."""
        done, of, worlds = 0, sum(each.slices for each in kept), []
        for number, each in enumerate(kept):
            work = each.restoring(self._worlds.context)
            words = f"{number} of {len(kept)} worlds restored"
            worlds.append((yield from self._count_slices(work, done, of, words)))
            done += each.slices
        return worlds

    def _count_slices(self, work: Slices[World], done: int, of: int, words: str) -> Slices[World]:
        """Restore a world, and note after each slice how far it is."""
        while True:
            try:
                next(work)
            except StopIteration as ended:
                world: World = ended.value
                return world
            done += 1
            self.how_far = HowFar(min(done, of), of, words)
            yield

    def save(self) -> None:
        """Write it anew, in one go.

        Raises:
            OSError: the file cannot be written.
        """
        self._write(finish(self._writing()))

    def _writing(self) -> Slices[list[bytes]]:
        self.unsaved = []
        return (yield from writing(self._worlds, self._note_unsaved))

    def _write(self, blocks: list[bytes]) -> None:
        """Put the whole file in the place of the one before: whatever happens, there is one."""
        with self._one_writes, replaced(self._path, is_private=True) as file:
            file.writelines(blocks)

    def _note_unsaved(self, world: World, error: Exception) -> None:
        self.unsaved.append(world.config.api_key)
        _log.error(
            "the world %s could not be saved, and all others were: %s: %s",
            world.config.api_key, type(error).__name__, error,
        )  # fmt: skip

    def saving(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Save now and then until the block ends."""
        return beside(self._save_now_and_then())

    async def _save_now_and_then(self) -> None:
        while True:
            await pause(SAVE_EVERY)
            try:
                # A disk may take its time, so the loop does not wait for it.
                await asyncio.to_thread(self._write, await run_in_slices(self._writing()))
            except OSError as error:
                _log.warning("the state could not be saved in %s: %s", self._path, error.strerror)


_NO_FILE: Final = "expected a file: nothing is read back from a device"


def _can_be_kept_in(path: Path) -> bool:
    """Whether a path is a file, is free, or is the null device."""
    if not path.exists() or path.is_file():
        return True
    return path.samefile(os.devnull)


_FILES: Final = "*.state"
_OWN: Final = "workers"
"""The name that is reserved while a server uses the folder."""


def state_file_of(folder: Path, index: int, workers: int) -> Path:
    """The file of one worker."""
    return folder / f"{index + 1}-of-{workers}.state"


@contextlib.contextmanager
def placed_worlds(folder: Path, workers: int, owner_of: Callable[[str], int]) -> Iterator[None]:
    """Put the worlds of a folder into the files of their owners, for the block to use alone.

    Args:
        folder: is made where there is none.
        workers: how many there are.
        owner_of: the index of the worker that owns a key.

    Raises:
        NoStateError: it is in use, or a file is no state; everything is as it was.
        OSError: the system refuses.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    with contextlib.ExitStack() as stack:
        _reserve(stack, folder / _OWN)
        _place_worlds(folder, workers, owner_of)
        yield


def _place_worlds(folder: Path, workers: int, owner_of: Callable[[str], int]) -> None:
    wanted = [state_file_of(folder, index, workers) for index in range(workers)]
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


def _reserve_state(stack: contextlib.ExitStack, file: Path) -> None:
    if not _can_be_kept_in(file):
        raise NoStateError(f"{file.name}: {_NO_FILE}")  # a pipe would be waited for
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
    """Every world of some files, as it was used last; the longest unused first."""
    newest: dict[str, SavedWorld] = {}
    for file in files:
        for world in _named(file):
            before = newest.get(world.api_key)
            if before is None or before.used_at < world.used_at:
                newest[world.api_key] = world
    return sorted(newest.values(), key=lambda world: world.used_at)


def _named(file: Path) -> Sequence[SavedWorld]:
    """The worlds of one of several files, which a refusal names."""
    try:
        return _read(file)
    except NoStateError as error:
        raise NoStateError(f"{file.name}: {error}") from None


def _read(
    path: Path, counted: Callable[[Iterable[bytes], int], Iterable[bytes]] = lambda lines, _: lines
) -> Sequence[SavedWorld]:
    """The worlds of a file; none of one that is empty or still to come.

    Args:
        path: of the file.
        counted: is given its lines and its size, and yields the lines.

    Raises:
        NoStateError: it is no state, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            return read_lines(counted(file, size)) if size else ()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise NoStateError(error.strerror or str(error)) from None
