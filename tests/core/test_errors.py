"""Compares the tree of errors with the drawing in its docstring."""

import inspect
import re

from payments_sandbox.core import errors
from payments_sandbox.core.errors import (
    InternalError,
    InvalidApiKey,
    InvalidRequest,
    MethodNotAllowed,
    RateLimited,
    RequestTooLarge,
    SandboxError,
)
from tests.support.tables import for_each

DEFINED = {
    name: kind
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if kind.__module__ == errors.__name__
}


def test_the_tree_in_the_docstring_matches_the_error_classes() -> None:
    """Every error of the module is drawn below its base, and no other."""
    drawn = re.findall(r"[├└]── (\w+)", errors.__doc__ or "")

    assert sorted(drawn) == sorted(set(DEFINED) - {"SandboxError"})
    assert {DEFINED[name].__bases__ for name in drawn} == {(SandboxError,)}


def test_every_error_is_a_sandbox_error() -> None:
    assert SandboxError.__bases__ == (Exception,)
    assert all(issubclass(kind, SandboxError) for kind in DEFINED.values())


@for_each(
    ("error", "said"),
    [
        (SandboxError("lost_card"), ("lost_card", None, None)),
        (SandboxError("x", "why", message="m"), ("x", "why", "m")),
        (InvalidRequest("/a: no."), ("invalid_request", "/a: no.", None)),
        (InvalidApiKey("Send one."), ("invalid_api_key", "Send one.", None)),
        (
            MethodNotAllowed("PUT", "GET, POST"),
            ("method_not_allowed", "PUT is not supported here; use one of: GET, POST.", None),
        ),
        (RequestTooLarge(10), ("request_too_large", "The body is larger than 10 bytes.", None)),
        (RateLimited("Wait."), ("rate_limit_exceeded", "Wait.", None)),
        (InternalError(), ("internal_error", None, None)),
    ],
)
def test_an_error_has_its_code_details_and_message_also_in_args(
    error: SandboxError, said: tuple[str, str | None, str | None]
) -> None:
    """All that the envelope has; a traceback shows `args`."""
    assert (error.code, error.details, error.message) == said
    assert error.args == said
