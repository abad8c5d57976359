"""Owns the folder of `serve --state` with several workers: a file for the worlds of each.

`2-of-4.state` is that of the second of four. Where the folder has files of other names, be it of
another number of workers or of a server without any, their worlds are written to the files of those
who own them now, and only then are the others removed. Whoever is interrupted at that begins again:
of a world that is in two files, the one that was used last counts.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from payments_sandbox.core.output_files import FileInUseError, replaced, reserved
from payments_sandbox.world.state_file import NoStateError, SavedWorld, read_lines, rewritten

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
            _reserve(stack, each)
        owned: dict[int, list[SavedWorld]] = {index: [] for index in range(workers)}
        for world in _newest(found):
            owned[owner_of(world.api_key)].append(world)
        for index, file in enumerate(wanted):
            with replaced(file, is_private=True) as written:
                written.writelines(rewritten(owned[index]))
        for each in others:
            each.unlink()


def _reserve(stack: contextlib.ExitStack, file: Path) -> None:
    try:
        stack.enter_context(reserved(file))
    except FileInUseError as error:
        raise NoStateError(f"{file.name}: {error}") from None


def _newest(files: Iterable[Path]) -> Iterable[SavedWorld]:
    """Every world of some files, as it was used last; the longest unused first."""
    newest: dict[str, SavedWorld] = {}
    for file in files:
        for world in _read(file):
            before = newest.get(world.api_key)
            if before is None or before.used_at < world.used_at:
                newest[world.api_key] = world
    return sorted(newest.values(), key=lambda world: world.used_at)


def _read(file: Path) -> list[SavedWorld]:
    with file.open("rb") as lines:
        try:
            return read_lines(lines) if file.stat().st_size else []
        except NoStateError as error:
            raise NoStateError(f"{file.name}: {error}") from None
