"""Owns the standard streams: each is open, takes any text, and may be closed, full or unread."""

import io
import os
import sys
from contextlib import suppress
from typing import Final, TextIO

_LAST_STREAM: Final = 2


def prepare_streams() -> None:
    """Open closed streams on the null device, and replace characters that cannot be encoded.

    A closed descriptor would be reused for the first file or socket that is opened, and whatever
    writes to the stream would write there.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _LAST_STREAM:
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - positional only; commands inherit it
    os.close(descriptor)
    sys.stdin = sys.stdin or _null("r")
    sys.stdout = sys.stdout or _null("w")
    sys.stderr = sys.stderr or _null("w")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def try_to_print(line: str, stream: TextIO) -> None:
    """Print a line, which is lost if nobody reads the stream or the disk is full."""
    with suppress(OSError):
        stream.write(line + "\n")
        stream.flush()


def remark(text: str) -> None:
    """Print a message of ours on stderr; this adds the full stop."""
    text = text.rstrip(".")
    try_to_print(f"payments-sandbox: {text}{'' if text.endswith('?') else '.'}", sys.stderr)


def drop_unwritten(stream: TextIO) -> None:
    """Discard unwritten output: otherwise the interpreter tries again at exit, and fails."""
    try:
        stream.flush()
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def _null(mode: str) -> TextIO:
    # It stays open until the process ends.
    return open(os.devnull, mode, encoding="utf-8")  # type: ignore[return-value]  # noqa: PTH123
