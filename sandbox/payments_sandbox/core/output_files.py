"""Owns how files are written: whole or not at all, and never at the cost of what was there.

How a file is written:

1. Links are followed: written is what the name leads to, and the links stay.
2. A file is written beside itself, as `NAME.PID.part`, and renamed. So whoever reads it sees all of
   it or none. A part that a killed process has left is taken away by whoever writes next.
3. What cannot be renamed over is written in place: devices, pipes and terminals, a file that is a
   mount of its own, a file in a folder that takes no other. A file gets the new bytes over the old
   ones and is cut to their length then: one that is empty has never been written.
4. What leads to our own stdout or stderr, such as /dev/stdout, is written there.
5. One process at a time has a file for itself where it wants that (`reserved`). The system takes it
   from a process that has ended, however it ended.
"""

import errno
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from glob import escape
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final, TextIO

_NOT_BESIDE: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
"""Why a folder takes no new file."""

_NOT_OVER: Final = _NOT_BESIDE | {errno.EBUSY, errno.EXDEV}
"""Why a file cannot be renamed over: it is a mount, or somebody else's in a common folder."""

_STREAMS: Final = (1, 2)
_FOR_OWNER: Final = 0o600
_FOR_ALL: Final = 0o666


class FileInUseError(Exception):
    """Another process has reserved a file; the text says which."""


@contextmanager
def replaced(file: Path, *, is_private: bool = False) -> Iterator[BinaryIO]:
    """Write a file in the block; where the block fails, all stays as it was.

    Args:
        file: a name that leads to a file, to none yet, or to a device or a pipe.
        is_private: nobody else may read it, and it is on the disk when the block has ended.

    Raises:
        OSError: the system refuses; ENXIO where it is a pipe that nobody reads.
    """
    target = _renamable(file)
    with ExitStack() as stack:
        part = (
            None if target is None else stack.enter_context(_part_of(target, is_private=is_private))
        )
        written = BytesIO() if part is None else part
        yield written
        written.flush()
        if is_private and part is not None:
            os.fsync(part.fileno())
        if target is None or part is None or not _renamed(part, target):
            written.seek(0)
            _write_in_place(file, written, is_private=is_private)


def check_writable(file: Path) -> None:
    """Refuse now what could not be written later.

    Raises:
        OSError: the system refuses.
    """
    if (target := _renamable(file)) is not None:
        with _part_of(target, is_private=False) as part:
            if part is None:
                os.close(os.open(target, os.O_WRONLY))


def remove_file(file: Path) -> None:
    """Remove what was written earlier; what cannot be removed is emptied, and a device stays.

    Raises:
        OSError: the system refuses both.
    """
    if (target := _renamable(file)) is not None:
        try:
            target.unlink(missing_ok=True)
        except OSError:
            if target.exists():
                os.truncate(target, 0)


def is_pipe(file: Path) -> bool:
    """Whether a name leads to a pipe, which takes nothing before somebody reads it."""
    return file.is_fifo()


@contextmanager
def reserved(file: Path) -> Iterator[None]:
    """Have a file for this process alone until the block ends, whether it is there yet or not.

    `NAME.lock` beside it names the process. The file itself is locked as well: two names or two
    mounts of one file have a lock beside each. Windows has no such locks.

    Raises:
        FileInUseError: another process has it.
        OSError: the system refuses.
    """
    with ExitStack() as stack:
        if (target := _renamable(file)) is not None:
            stack.enter_context(_pid_file(target.with_name(f"{target.name}.lock")))
            if target.exists():
                opened = stack.enter_context(target.open("rb"))
                if not _lock(opened.fileno()):
                    raise FileInUseError("it is in use by another process")
        yield


# Beside the file


def _renamable(file: Path) -> Path | None:
    """The path of a file with links followed; None if it cannot be replaced by renaming."""
    target = Path(os.path.realpath(file))
    try:
        found = file.stat()
    except FileNotFoundError:
        return target
    if not stat.S_ISREG(found.st_mode) or _own_stream(found) is not None:
        return None
    try:
        return target if os.path.samestat(target.stat(), found) else None
    except FileNotFoundError:  # it has no name any more: a link of /proc leads to it
        return None


@contextmanager
def _part_of(target: Path, *, is_private: bool) -> Iterator[BinaryIO | None]:
    """Give a new file beside another, gone when the block ends; None where the folder takes none.

    Raises:
        OSError: the system refuses, or the folder takes none and there is no other file either.
    """
    _remove_stale_parts(target)
    mode = _FOR_OWNER if is_private else _FOR_ALL
    name = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        part = open(name, "x+b", opener=partial(os.open, mode=mode))  # noqa: SIM115 - closed below
    except OSError as error:
        if error.errno not in _NOT_BESIDE or not target.exists():
            raise
        yield None
        return
    try:
        with part:
            _lock(part.fileno())  # so that nobody takes it for one that was left
            if not is_private and target.exists():
                shutil.copymode(target, name)
            yield part
    finally:
        name.unlink(missing_ok=True)


def _remove_stale_parts(target: Path) -> None:
    """Remove parts whose writers were killed: nobody has them locked."""
    for left in target.parent.glob(f"{escape(target.name)}.*.part"):
        with suppress(OSError), left.open("rb") as opened:  # somebody else's, perhaps
            if _lock(opened.fileno()):
                left.unlink()


def _renamed(part: BinaryIO, target: Path) -> bool:
    """Whether the part could take the file's place.

    Raises:
        OSError: it could not, and the file cannot be written in place either.
    """
    if sys.platform == "win32":
        part.close()  # what is open cannot be renamed there
    try:
        Path(part.name).replace(target)
    except OSError as error:
        if part.closed or error.errno not in _NOT_OVER or not target.exists():
            raise
        return False
    return True


# In place


def _write_in_place(file: Path, content: BinaryIO, *, is_private: bool) -> None:
    """Write into what a name leads to; a file has the new bytes alone in the end.

    Raises:
        OSError: the system refuses.
    """
    found = file.stat()
    with _opened_in_place(file, found) as written:
        shutil.copyfileobj(content, written)
        if not stat.S_ISREG(found.st_mode) or _own_stream(found) is not None:
            return
        written.truncate()
        if is_private:
            with suppress(OSError):  # it is somebody else's
                file.chmod(_FOR_OWNER)
            os.fsync(written.fileno())


def _opened_in_place(file: Path, found: os.stat_result) -> BinaryIO:
    """Open what a name leads to, to write into it."""
    if (stream := _own_stream(found)) is not None:
        return os.fdopen(os.dup(stream), "wb")
    if stat.S_ISREG(found.st_mode):
        return file.open("r+b")
    if stat.S_ISFIFO(found.st_mode):
        # One that nobody reads is an error at once: no signal would end the wait for a reader.
        descriptor = os.open(file, os.O_WRONLY | os.O_NONBLOCK)
        os.set_blocking(descriptor, True)
        return os.fdopen(descriptor, "wb")
    return file.open("wb")


def _own_stream(found: os.stat_result) -> int | None:
    """Which of our streams a file is, or None."""
    for stream in _STREAMS:
        with suppress(OSError):  # it is closed
            if os.path.samestat(os.fstat(stream), found):
                return stream
    return None


# Locks


@contextmanager
def _pid_file(name: Path) -> Iterator[None]:
    """Have a file that names this process, gone when the block ends; none where none can be made.

    Raises:
        FileInUseError: another process has it.
        OSError: the system refuses.
    """
    if (opened := _locked(name)) is None:
        yield
        return
    with opened:
        opened.truncate(0)
        opened.write(f"{os.getpid()}\n")
        opened.flush()
        try:
            yield
        finally:
            name.unlink(missing_ok=True)


def _locked(name: Path) -> TextIO | None:
    """Open a file and lock it; None where none can be made.

    Raises:
        FileInUseError: another process has it.
        OSError: the system refuses.
    """
    while True:
        try:
            opened = name.open("a+", encoding="ascii")
        except OSError as error:
            if error.errno in _NOT_BESIDE:
                return None
            why = f"its lock {name.name} cannot be opened: {error.strerror}"
            raise OSError(error.errno, why) from None
        if not _lock(opened.fileno()):
            with opened:
                opened.seek(0)
                raise FileInUseError(f"it is in use by pid {opened.read().strip() or 'unknown'}")
        if _is_named(opened, name):
            return opened
        opened.close()  # whoever had it has just removed it


def _is_named(opened: TextIO, name: Path) -> bool:
    """Whether a name still leads to an open file."""
    try:
        return os.path.samestat(os.fstat(opened.fileno()), name.stat())
    except FileNotFoundError:
        return False


def _lock(descriptor: int) -> bool:
    """Lock an open file until it is closed; False where another process has."""
    if sys.platform == "win32":
        return True
    import fcntl  # noqa: PLC0415 - it is not there on Windows

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:  # or the file system knows no locks
        return error.errno not in {errno.EAGAIN, errno.EACCES}
    return True
