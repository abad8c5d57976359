"""Owns the standard streams: each is there, takes any text, and may be closed, full or unread."""

import io
import os
import sys
from contextlib import suppress
from typing import Final, TextIO

_LAST_STREAM: Final = 2


def prepare_streams() -> None:
    """Open on the null device what is closed; replace what stdout and stderr cannot write.

    A descriptor that is closed would be that of the first file or socket that is opened, and
    whoever writes to the stream would write there.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _LAST_STREAM:
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - the system's way; it is the commands' too
    os.close(descriptor)
    sys.stdin = sys.stdin or _null("r")
    sys.stdout = sys.stdout or _null("w")
    sys.stderr = sys.stderr or _null("w")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def try_to_print(line: str, stream: TextIO) -> None:
    """Print a line; it is lost if nobody reads it or the disk is full."""
    with suppress(OSError):
        stream.write(line + "\n")
        stream.flush()


def remark(text: str) -> None:
    """Print a remark of ours on stderr; it gets its full stop here."""
    text = text.rstrip(".")
    try_to_print(f"payments-sandbox: {text}{'' if text.endswith('?') else '.'}", sys.stderr)


def drop_unwritten(stream: TextIO) -> None:
    """Discard what could not be written: at exit the interpreter would try again, and fail."""
    try:
        stream.flush()
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def _null(mode: str) -> TextIO:
    # It is open for as long as the process is.
    return open(os.devnull, mode, encoding="utf-8")  # type: ignore[return-value]  # noqa: PTH123
