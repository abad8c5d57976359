"""Owns how a command fails: with one line that says what would have worked, and an exit code."""

from typing import Final

FAILED: Final = 1
MISTAKEN: Final = 2
INTERRUPTED: Final = 130
"""The exit code after Ctrl-C, as in shells."""


class CommandFailedError(Exception):
    """A command was called correctly, but cannot do what it was asked for.

    CannotServeError        there will be no server
    UnwritableError         a file cannot be written

    Attributes:
        code: the exit code.
    """

    def __init__(self, problem: str, code: int = FAILED) -> None:
        super().__init__(problem)
        self.code = code
