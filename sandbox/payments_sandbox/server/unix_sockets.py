"""Owns the unix socket that a server listens at: whose it is, and what becomes of its file."""

import errno
import os
import socket
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_FOR_OWNER: Final = 0o600


@contextmanager
def unix_socket(path: Path) -> Iterator[socket.socket]:
    """Bind a socket to a path and listen, for its owner alone; its file is gone with the block.

    A socket that a killed server has left is replaced.

    Raises:
        OSError: another server listens there, or the path is a file of another kind, or the system
            refuses; `filename` is the path.
    """
    with _folder_for_us(path.parent):
        _remove_stale(path)
        bound = _bind(path)
        ours = path.stat()
    try:
        with bound:
            yield bound
    finally:
        with suppress(FileNotFoundError):
            if os.path.samestat(path.stat(), ours):  # nobody has put another there meanwhile
                path.unlink()


@contextmanager
def _folder_for_us(folder: Path) -> Iterator[None]:
    """Lock the folder, so that two servers do not replace one stale socket at once."""
    if sys.platform == "win32":
        yield
        return
    import fcntl  # noqa: PLC0415 - it is not there on Windows

    opened = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # the file system knows no locks
            fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def _remove_stale(path: Path) -> None:
    try:
        is_socket = stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        return
    if not is_socket:
        raise OSError(errno.EEXIST, "it is there already, and is no socket", str(path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # noqa: FBT003 - the module's own way
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except FileNotFoundError:
            return
        except BlockingIOError:  # so many wait that it is busy
            pass
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from None
    raise OSError(errno.EADDRINUSE, "another server listens there", str(path))


def _bind(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.setblocking(False)  # noqa: FBT003 - as above
        made.bind(str(path))
        path.chmod(_FOR_OWNER)
        made.listen()  # until now nobody could connect, whatever the file's mode was
    except OSError as error:
        made.close()
        raise OSError(error.errno, error.strerror, str(path)) from None
    return made
