"""Owns the bytes that a command reads from a file, or from stdin."""

import errno
import os
import sys
from pathlib import Path
from typing import Final

_MOST: Final = 16 * 1024 * 1024
"""Bytes: far more than the server accepts, and a limit for endless files."""


def read_given(name: str) -> bytes:
    """Read a file, or stdin if its name is `-`.

    Raises:
        OSError: it cannot be read, or is larger than any valid input.
    """
    if name == "-":
        given = sys.stdin.buffer.read(_MOST + 1)
    else:
        with Path(name).open("rb") as file:
            given = file.read(_MOST + 1)
    if len(given) > _MOST:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), name)
    return given
