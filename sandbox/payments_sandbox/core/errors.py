"""Owns the one tree of errors that the two APIs answer with.

    SandboxError
    ├── InvalidRequest        the request breaks the documented contract
    ├── CardRefused           the card fails a check of ours, or its issuer declines
    ├── InvalidApiKey         no world answers to this key
    ├── InvalidScenario       a scenario has problems (control API only)
    ├── NotFound              an unknown path, or a payment this world does not have
    ├── MethodNotAllowed      the path exists, the method does not
    ├── RequestTooLarge       the body is larger than the server reads
    ├── IllegalMove           the transition table has no such move (control API only)
    ├── NotHeld               the call is no longer held (control API only)
    ├── RefundRefused         a refund that the ledger or the issuer will not make
    ├── RateLimited           the hour's requests are used up
    ├── InternalError         the sandbox failed, or a rule says that it did
    └── Forbidden             a foreign host or page, or a missing token

An error knows its documented `code`, an optional `message` that replaces the code's own, and
optional `details`. It knows no HTTP: statuses live in `payments_sandbox.contract.error_codes`.
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from payments_sandbox.core.masking import mask_text

T = TypeVar("T")
Value = TypeVar("Value")


class SandboxError(Exception):
    """An error that the emulated API or the control API answers with.

    Args:
        code: a key of `CODES` or of `CONTROL_CODES` in `contract.error_codes`.
        details: what to do about it; for `invalid_request` it starts with a JSON pointer.
        message: replaces the sentence of the code.
    """

    def __init__(
        self, code: str, details: str | None = None, *, message: str | None = None
    ) -> None:
        super().__init__(code, details, message)
        self.code = code
        self.details = details
        self.message = message


class InvalidRequest(SandboxError):
    """The request breaks the documented contract.

    Args:
        details: starts with a JSON pointer.
        is_conflict: the request is invalid only because of this world's state; another world may
            accept it.
    """

    def __init__(self, details: str, *, is_conflict: bool = False) -> None:
        super().__init__("invalid_request", details)
        self.is_conflict = is_conflict


class CardRefused(SandboxError):
    """The card fails a check of ours (no payment is kept), or its issuer declines it."""


class InvalidApiKey(SandboxError):
    """No world answers to this key."""

    def __init__(self, details: str) -> None:
        super().__init__("invalid_api_key", details)


class InvalidScenario(SandboxError):
    """A scenario has problems; `problems` lists all of them as the control API shows them."""

    def __init__(self, details: str, problems: Sequence[dict[str, object]]) -> None:
        super().__init__("invalid_scenario", details)
        self.problems = problems


class NotFound(SandboxError):
    """An unknown path (`not_found`), or a payment that the world lacks (`payment_not_found`)."""


class MethodNotAllowed(SandboxError):
    """The path exists, the method does not; `allow` lists the methods that do."""

    def __init__(self, method: str, allow: str) -> None:
        shown = mask_text(method)
        super().__init__(
            "method_not_allowed", f"{shown} is not supported here; use one of: {allow}."
        )
        self.allow = allow


class RequestTooLarge(SandboxError):
    """The body is larger than the server reads."""

    def __init__(self, limit: int) -> None:
        super().__init__("request_too_large", f"The body is larger than {limit} bytes.")


class IllegalMove(SandboxError):
    """The transition table has no such move; the payment is unchanged. `details` says why."""

    def __init__(self, details: str) -> None:
        super().__init__("illegal_move", details)


class NotHeld(SandboxError):
    """A held call was decided, its time was over, its client has left, or its world was reset."""

    def __init__(self) -> None:
        super().__init__(
            "not_held",
            "It was decided, it timed out, its client disconnected, or its world was reset."
            " GET /_sandbox/held lists the calls that are held now.",
        )


class RefundRefused(SandboxError):
    """A refund that the ledger or the issuer will not make."""


class RateLimited(SandboxError):
    """The hour's requests are used up."""

    def __init__(self, details: str) -> None:
        super().__init__("rate_limit_exceeded", details)


SANDBOX_FAILED: Final = "The sandbox itself failed; its log has the traceback."


class InternalError(SandboxError):
    """The sandbox failed, or a rule says that it did."""

    def __init__(self, details: str | None = None) -> None:
        super().__init__("internal_error", details)


class Forbidden(SandboxError):
    """A guard rejects the request: `unknown_host`, `cross_site_request` or `invalid_token`."""


def parse_field(parse: Callable[[Value], T], field: str, value: Value) -> T:
    """Parse one field of a body or a query.

    Raises:
        InvalidRequest: `parse` raised a ValueError; the details name the field and its text.
    """
    try:
        return parse(value)
    except ValueError as error:
        raise InvalidRequest(f"/{field}: {error}.") from None
