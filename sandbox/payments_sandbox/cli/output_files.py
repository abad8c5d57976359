"""Owns files that are written as a whole: whoever reads one sees all of it or none."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from payments_sandbox.cli.failure import CommandFailedError


class UnwritableError(CommandFailedError):
    """A file cannot be written; the text names it and says why."""


@contextmanager
def replaced(file: Path) -> Iterator[BinaryIO]:
    """Write beside a file in the block, then replace it; a failure leaves all as it was.

    Raises:
        OSError: the system refuses.
    """
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as written:
            yield written
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def write_whole(file: Path, text: str) -> None:
    """Write a file of text.

    Raises:
        UnwritableError: the system refuses.
    """
    try:
        with replaced(file) as written:
            written.write(text.encode())
    except OSError as error:
        raise UnwritableError(f"cannot write {file}: {error.strerror}") from None
