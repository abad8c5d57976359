"""Owns the errors that the client and the testing tools raise.

    ControlError
    ├── ControlApiError       the control API answered with an error
    └── Unreachable           no sandbox answers at the address
    AssertionError
    ├── WebhookNotReceived    an inbox did not get the webhook that a test waited for
    └── ExpectationFailed     an expectation is not met

The last two are AssertionErrors, so that a test runner counts them as failures.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, assert_never


class ControlError(Exception):
    """A call of the control API that failed."""


class ControlApiError(ControlError):
    """The control API answered with an error, and changed nothing.

    Args:
        request: the request, as it appears in the error's text.
        status: the HTTP status.
        envelope: the JSON body.

    Attributes:
        status: the HTTP status.
        code: the error code of the envelope.
        message: the message of the envelope.
        details: what would have worked, or None.
        problems: for `invalid_scenario`, each problem with its line and column.
        reason: the error's text without the request: what was wrong, and what would have worked.
    """

    def __init__(self, request: str, status: int, envelope: Mapping[str, Any]) -> None:
        error = envelope.get("error", {})
        self.status = status
        self.code = str(error.get("code", "unknown"))
        self.message = str(error.get("message", "The answer has no error envelope."))
        self.details: str | None = error.get("details")
        self.problems: Sequence[Mapping[str, Any]] = tuple(envelope.get("problems", ()))
        reasons = [self.details] if self.details else []
        reasons += [_problem_line(each) for each in self.problems]
        self.reason = "\n  ".join(reasons) or self.message
        head = f"{request}: {status} {self.code}: {self.message}"
        super().__init__("\n  ".join([head, *reasons]))


class UnreachableCause(StrEnum):
    """Why no sandbox has answered."""

    NO_CONNECTION = "no_connection"
    NOT_TRUSTED = "not_trusted"
    TIMEOUT = "timeout"
    NOT_HTTP = "not_http"
    NOT_A_SANDBOX = "not_a_sandbox"


class Unreachable(ControlError):
    """Nothing answers at the address, or something that is not a sandbox.

    Attributes:
        cause: the kind of failure.
        reason: the failure in a few words, such as the system's text for the error.
    """

    def __init__(self, text: str, cause: UnreachableCause, reason: str) -> None:
        super().__init__(text)
        self.cause = cause
        self.reason = reason


class WebhookNotReceived(AssertionError):
    """An inbox did not get the webhook that a test waited for; the text says what it did get."""


class ExpectationFailed(AssertionError):
    """Expectations are not met; the text has each with what was observed instead.

    Attributes:
        unmet: the expectations that are not met, in the JSON of the report.
    """

    def __init__(self, text: str, unmet: Sequence[Mapping[str, object]]) -> None:
        super().__init__(text)
        self.unmet = tuple(unmet)


def describe_unreachable(error: Unreachable, url: str, option: str) -> str:
    """Tell a user in one line what to do about an unreachable server.

    Args:
        error: the error.
        url: the address of the server.
        option: the option that names another server.
    """
    match error.cause:
        case UnreachableCause.TIMEOUT:
            return f"{url} does not answer; {option} selects another server"
        case UnreachableCause.NO_CONNECTION:
            return (
                f"no sandbox answers at {url}: {error.reason};"
                f" payments-sandbox serve starts one, and {option} selects another"
            )
        case UnreachableCause.NOT_TRUSTED:
            return (
                f"the certificate of {url} is not trusted: {error.reason};"
                " set SSL_CERT_FILE to the file of its CA: for serve --tls auto,"
                " the ca_file of its ready line"
            )
        case UnreachableCause.NOT_HTTP:
            return _not_a_sandbox(url, "its answer is not HTTP, or is incomplete", option)
        case UnreachableCause.NOT_A_SANDBOX:
            return _not_a_sandbox(url, error.reason, option)
        case _:
            assert_never(error.cause)


def _not_a_sandbox(url: str, reason: str, option: str) -> str:
    return f"the server at {url} is not a payments-sandbox ({reason}); {option} selects another"


def _problem_line(problem: Mapping[str, Any]) -> str:
    """Return where the problem is, if that is known, what it is, and what would have worked."""
    line, path = problem.get("line"), problem.get("path")
    place = None if line is None else f"{line}:{problem.get('column')}"
    hint = f" ({problem['hint']})" if problem.get("hint") else ""
    return ": ".join(filter(None, (place, path, f"{problem.get('message')}{hint}")))
