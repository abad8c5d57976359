"""Owns how files are written: entirely or not at all, so that the old content is never lost.

How a file is written:

1. Links are followed: their target is written, and the links stay.
2. The content is written to `NAME.PID.part` next to the file and then renamed, so a reader sees
   either all of it or none. The next writer removes parts that killed processes have left.
3. What cannot be replaced by renaming is written in place: devices, pipes and terminals, a file
   that is a mount point, a file in a folder where no other can be made. A regular file is
   overwritten first and truncated afterwards, so it is never empty in between.
4. A name that leads to our own stdout or stderr, such as /dev/stdout, is written to that stream.
5. A process can reserve a file for itself (`reserved`). The system releases the file when the
   process ends, however it ends.
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
"""The errors of a folder in which no file can be made."""

_NOT_OVER: Final = _NOT_BESIDE | {errno.EBUSY, errno.EXDEV}
"""The errors of a file that cannot be replaced: a mount point, or another user's file in `/tmp`."""

_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""The errors of a full disk, a used-up quota, and a limit of the process (`ulimit -f`)."""

_STREAMS: Final = (1, 2)
_PART: Final = ".part"
_FOR_OWNER: Final = 0o600
_FOR_ALL: Final = 0o666


class FileInUseError(Exception):
    """Another process has reserved a file; the text names the process if it is known."""


@contextmanager
def replaced(file: Path, *, is_private: bool = False) -> Iterator[BinaryIO]:
    """Write a file in the block; if the block fails, the file stays as it was.

    Args:
        file: the path of a file, which may not exist yet, or of a device or a pipe.
        is_private: only its owner can read it, and it is synced to the disk at the end.

    Raises:
        OSError: it cannot be written, and `filename` is its path; ENXIO for a pipe that nobody
            reads.
    """
    with _naming_file_in_errors(file), ExitStack() as stack:
        target = _renamable(file)
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


def as_utf8(text: str) -> bytes:
    """Encode the text of a file, with question marks for bytes of a path that are not UTF-8."""
    return text.encode(errors="replace")


def check_writable(file: Path) -> None:
    """Check in advance that a file can be written.

    Raises:
        OSError: it cannot.
    """
    if (target := _renamable(file)) is not None:
        with _part_of(target, is_private=False) as part:
            if part is None:
                os.close(os.open(target, os.O_WRONLY))


def remove_file(file: Path) -> None:
    """Remove a file, or empty it if it cannot be removed; a device stays.

    Raises:
        OSError: neither is possible.
    """
    if (target := _renamable(file)) is not None:
        try:
            target.unlink(missing_ok=True)
        except OSError:
            if target.exists():
                os.truncate(target, 0)


def is_pipe(file: Path) -> bool:
    """Whether a path is a pipe, which cannot be written before somebody reads it."""
    return file.is_fifo()


@contextmanager
def reserved(file: Path) -> Iterator[None]:
    """Reserve a file for this process until the block ends, whether it exists yet or not.

    `NAME.lock` next to it contains the process id. The file itself is locked as well, because it
    may have a second name or mount, with another lock file next to it. Windows has no such locks.

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


@contextmanager
def _naming_file_in_errors(file: Path) -> Iterator[None]:
    """Let an error of the block name the file; a failed write names none, or the part."""
    try:
        yield
    except OSError as error:
        if error.filename is None or str(error.filename).endswith(_PART):
            error.filename = str(file)
        raise


# Next to the file


def _renamable(file: Path) -> Path | None:
    """The path of a file with links resolved; None if it cannot be replaced by renaming."""
    target = Path(os.path.realpath(file))
    try:
        found = file.stat()
    except FileNotFoundError:
        return target
    if not stat.S_ISREG(found.st_mode) or _own_stream(found) is not None:
        return None
    try:
        return target if os.path.samestat(target.stat(), found) else None
    except FileNotFoundError:  # it is deleted, and reached by a link in /proc
        return None


@contextmanager
def _part_of(target: Path, *, is_private: bool) -> Iterator[BinaryIO | None]:
    """Make a new file next to another until the block ends; None if the folder does not allow it.

    Raises:
        OSError: the file cannot be made and the other one does not exist, or another error.
    """
    _remove_stale_parts(target)
    mode = _FOR_OWNER if is_private else _FOR_ALL
    name = target.with_name(f"{target.name}.{os.getpid()}{_PART}")
    try:
        part = open(name, "x+b", opener=partial(os.open, mode=mode))  # noqa: SIM115 - closed below
    except OSError as error:
        if error.errno not in _NOT_BESIDE or not target.exists():
            raise
        yield None
        return
    try:
        with part:
            _lock(part.fileno())  # so that no other writer removes it as stale
            if not is_private and target.exists():
                shutil.copymode(target, name)
            yield part
    finally:
        name.unlink(missing_ok=True)


def _remove_stale_parts(target: Path) -> None:
    """Remove the parts of killed writers, which are no longer locked."""
    for left in target.parent.glob(f"{escape(target.name)}.*{_PART}"):
        with suppress(OSError), left.open("rb") as opened:  # perhaps another user's
            if _lock(opened.fileno()):
                left.unlink()


def _renamed(part: BinaryIO, target: Path) -> bool:
    """Replace the file with the part, and return whether that was possible.

    Raises:
        OSError: it was not, and the file cannot be written in place either.
    """
    if sys.platform == "win32":
        part.close()  # an open file cannot be renamed there
    try:
        Path(part.name).replace(target)
    except OSError as error:
        if part.closed or error.errno not in _NOT_OVER or not target.exists():
            raise
        return False
    return True


# In place


def _write_in_place(file: Path, content: BinaryIO, *, is_private: bool) -> None:
    """Write into the existing file, device or pipe; a file has only the new bytes in the end.

    Raises:
        OSError: it cannot be written.
    """
    found = file.stat()
    is_overwritten = stat.S_ISREG(found.st_mode) and _own_stream(found) is None
    with _opened_in_place(file, found) as written:
        if is_overwritten:
            _reserve_space(written.fileno(), _size_of(content), found.st_size)
        shutil.copyfileobj(content, written)
        if not is_overwritten:
            return
        written.truncate()
        if is_private:
            with suppress(OSError):  # it is another user's
                file.chmod(_FOR_OWNER)
            os.fsync(written.fileno())


def _size_of(content: BinaryIO) -> int:
    size = content.seek(0, os.SEEK_END)
    content.seek(0)
    return size


def _reserve_space(descriptor: int, size: int, before: int) -> None:
    """Reserve the space of a file's new content, if the system can do that.

    Raises:
        OSError: there is no space; the file is as it was.
    """
    if sys.platform in {"win32", "darwin"} or not size:
        return
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:  # or the file system cannot reserve any
        if error.errno in _NO_SPACE:
            os.ftruncate(descriptor, before)
            raise


def _opened_in_place(file: Path, found: os.stat_result) -> BinaryIO:
    """Open the file, device, pipe or stream behind a path, to write into it."""
    if (stream := _own_stream(found)) is not None:
        return os.fdopen(os.dup(stream), "wb")
    if stat.S_ISREG(found.st_mode):
        return file.open("r+b")
    if stat.S_ISFIFO(found.st_mode):
        # A pipe that nobody reads is an error at once: no signal would end the wait for a reader.
        descriptor = os.open(file, os.O_WRONLY | os.O_NONBLOCK)
        os.set_blocking(descriptor, True)
        return os.fdopen(descriptor, "wb")
    return file.open("wb")


def _own_stream(found: os.stat_result) -> int | None:
    """The descriptor of our stdout or stderr if a file is one of them, or None."""
    for stream in _STREAMS:
        with suppress(OSError):  # it is closed
            if os.path.samestat(os.fstat(stream), found):
                return stream
    return None


# Locks


@contextmanager
def _pid_file(name: Path) -> Iterator[None]:
    """Make a lock file with this process id until the block ends, if the folder allows it.

    Raises:
        FileInUseError: another process has it.
        OSError: it cannot be opened or written.
    """
    if (opened := _locked(name)) is None:
        yield
        return
    with opened:
        try:
            opened.truncate(0)
            opened.write(f"{os.getpid()}\n")
            opened.flush()
            yield
        finally:
            name.unlink(missing_ok=True)


def _locked(name: Path) -> TextIO | None:
    """Open a lock file and lock it; return None if the folder does not allow one.

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
        opened.close()  # the process that had it has just removed it


def _is_named(opened: TextIO, name: Path) -> bool:
    """Whether a path still leads to an open file."""
    try:
        return os.path.samestat(os.fstat(opened.fileno()), name.stat())
    except FileNotFoundError:
        return False


def _lock(descriptor: int) -> bool:
    """Lock an open file until it is closed; False if another process has locked it."""
    if sys.platform == "win32":
        return True
    import fcntl  # noqa: PLC0415 - it is not there on Windows

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:  # or the file system has no locks
        return error.errno not in {errno.EAGAIN, errno.EACCES}
    return True
