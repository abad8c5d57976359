"""Owns the bytes that a command is given in a file, or on stdin."""

import errno
import os
import sys
from pathlib import Path
from typing import Final

_MOST: Final = 16 * 1024 * 1024
"""Bytes: many times what the server takes, and an end for what has none."""


def read_given(name: str) -> bytes:
    """Read a file, or stdin where its name is `-`.

    Raises:
        OSError: it cannot be read, or has more bytes than any of our texts.
    """
    if name == "-":
        given = sys.stdin.buffer.read(_MOST + 1)
    else:
        with Path(name).open("rb") as file:
            given = file.read(_MOST + 1)
    if len(given) > _MOST:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), name)
    return given
