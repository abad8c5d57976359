"""Owns the files that commands write: an error becomes one line that names the file."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

from payments_sandbox.cli.failure import CommandFailedError
from payments_sandbox.core.output_files import as_utf8, check_writable, remove_file, replaced

STDOUT: Final = Path("/dev/stdout")
"""The file that `-` stands for."""


class UnwritableError(CommandFailedError):
    """A file cannot be written; the text names it and gives the reason."""


def write_whole(file: Path, text: str) -> None:
    """Write a text file, replacing it as a whole.

    Raises:
        UnwritableError: the system rejects it.
    """
    with _system_refusals(file), replaced(file) as written:
        written.write(as_utf8(text))


def forget(*files: Path | None) -> None:
    """Remove output files of an earlier run, so that nobody takes them for this run's.

    Raises:
        UnwritableError: one of them cannot be written.
    """
    for file in files:
        if file is not None:
            with _system_refusals(file):
                check_writable(file)
                remove_file(file)


def text_stream(*files: Path | None) -> TextIO:
    """Where the text of a command goes: stdout, or stderr if one of its files is stdout."""
    return sys.stderr if STDOUT in files else sys.stdout


@contextmanager
def _system_refusals(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnwritableError(f"cannot write {file}: {error.strerror}") from None
