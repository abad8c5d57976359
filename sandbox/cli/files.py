"""Owns files that are written as a whole: whoever reads one sees all of it or none."""

import os
from pathlib import Path

from sandbox.cli.failure import CommandFailedError


class UnwritableError(CommandFailedError):
    """A file cannot be written; the text names it and says why."""


def write_whole(file: Path, text: str) -> None:
    """Write beside, then replace.

    Raises:
        UnwritableError: the system refuses.
    """
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(file)
    except OSError as error:
        raise UnwritableError(f"cannot write {file}: {error.strerror}") from None
