"""Owns what the testing tools raise.

    ControlError
    ├── Refused        the control API answered with an error
    └── Unreachable    nothing answers at the address, or what does is no sandbox
    AssertionError
    ├── NotArrived     an inbox did not get what a test waited for
    └── Unmet          an expectation does not hold

The latter two are what a test asserts, so that a runner counts them as failures.
"""

from collections.abc import Mapping, Sequence
from typing import Any


class ControlError(Exception):
    """A call of the control API that came to nothing."""


class Refused(ControlError):
    """The control API answered with an error, and changed nothing.

    Attributes:
        status: the HTTP status.
        code, message, details: of the envelope; `details` is None where there is nothing to say.
        problems: for `invalid_scenario`, all that is wrong, each with its line and column.
    """

    def __init__(self, question: str, status: int, envelope: Mapping[str, Any]) -> None:
        error = envelope.get("error", {})
        self.status = status
        self.code = str(error.get("code", "unknown"))
        self.message = str(error.get("message", "The answer has no error envelope."))
        self.details: str | None = error.get("details")
        self.problems: Sequence[Mapping[str, Any]] = tuple(envelope.get("problems", ()))
        lines = [f"{question}: {status} {self.code}: {self.message}"]
        lines += [self.details] if self.details else []
        lines += [_line(each) for each in self.problems]
        super().__init__("\n  ".join(lines))


class Unreachable(ControlError):
    """Nothing answers at the address, or what does is no sandbox."""


class NotArrived(AssertionError):
    """An inbox did not get what a test waited for; the text says what it did get."""


class Unmet(AssertionError):
    """Expectations that do not hold; the text has each with what was seen instead.

    Attributes:
        unmet: the expectations, as the report has them.
    """

    def __init__(self, text: str, unmet: Sequence[Mapping[str, object]]) -> None:
        super().__init__(text)
        self.unmet = tuple(unmet)


def _line(problem: Mapping[str, Any]) -> str:
    """Where, as far as that is known, what, and what would have worked."""
    line, path = problem.get("line"), problem.get("path")
    place = None if line is None else f"{line}:{problem.get('column')}"
    hint = f" ({problem['hint']})" if problem.get("hint") else ""
    return ": ".join(filter(None, (place, path, f"{problem.get('message')}{hint}")))
