"""Owns the failure of a command: one line on stderr, and the exit code."""

from typing import Final

FAILED: Final = 1
MISTAKEN: Final = 2


class CommandError(Exception):
    """A command cannot do what it is there for; the text says why and what would have worked.

    Attributes:
        code: the exit code; `MISTAKEN` where the command was called wrongly.
    """

    def __init__(self, problem: str, code: int = FAILED) -> None:
        super().__init__(problem)
        self.code = code

    @property
    def line(self) -> str:
        """The line for stderr."""
        text = str(self).rstrip(".")
        return (
            f"payments-sandbox: {text}\n" if text.endswith("?") else f"payments-sandbox: {text}.\n"
        )
