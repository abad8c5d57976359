"""Owns the files that commands write: what the system refuses is one line that names the file."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

from payments_sandbox.cli.failure import CommandFailedError
from payments_sandbox.core.output_files import check_writable, remove_file, replaced

STDOUT: Final = Path("/dev/stdout")
"""The file that `-` stands for."""


class UnwritableError(CommandFailedError):
    """A file cannot be written; the text names it and says why."""


def write_whole(file: Path, text: str) -> None:
    """Write a file of text.

    Raises:
        UnwritableError: the system refuses.
    """
    with _system_refusals(file), replaced(file) as written:
        written.write(text.encode())


def forget(*files: Path | None) -> None:
    """Let nobody take files of an earlier time for what is going to be written to them.

    Raises:
        UnwritableError: one could not be written later.
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
