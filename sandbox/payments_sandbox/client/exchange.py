"""Owns how a call of the control API is written and its answer read, whoever carries them."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple, TypeVar, cast
from urllib.parse import quote, urlencode, urlsplit

from payments_sandbox.client.errors import Refused, Unreachable

CONTROL_PATH: Final = "/_sandbox"
PATIENCE: Final = 330.0
"""Seconds that an answer may take: longer than the five minutes that `verify` may wait."""

OK: Final = 200
T = TypeVar("T")

_GOOD: Final = range(200, 300)
_NOT_READY: Final = 503


class Question(NamedTuple):
    """A call as it is sent; `target` is the path with its query."""

    method: str
    target: str
    body: bytes | None = None
    headers: Mapping[str, str] = {}

    def __str__(self) -> str:
        return f"{self.method} {self.target}"


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes


class News(NamedTuple):
    """One message of the stream: what it is about (`request`, `event`, `delivery`), and that."""

    kind: str
    value: dict[str, Any]


def question(
    method: str,
    path: str,
    *,
    body: object = None,
    query: Mapping[str, object] | None = None,
) -> Question:
    """A call of a route, with its body as JSON."""
    target = CONTROL_PATH + path + (f"?{urlencode(query)}" if query else "")
    if body is None:
        return Question(method, target)
    return Question(method, target, json.dumps(body).encode(), {"Content-Type": "application/json"})


def given(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields that were given: what is None is left out."""
    return {name: value for name, value in fields.items() if value is not None}


def read(shape: type[T], asked: Question, answer: Answer) -> T:  # noqa: ARG001 - for the checker
    """The JSON of a good answer, which has the shape that its schema promises.

    Raises:
        Refused: the answer is an error.
        Unreachable: the answer is not JSON, so it is no sandbox's.
    """
    if answer.status in _GOOD and not answer.body:
        return cast("T", None)
    with suppress(ValueError):
        value = json.loads(answer.body)
        if isinstance(value, dict):
            # Not being ready is an answer, too.
            if answer.status in _GOOD or (answer.status == _NOT_READY and "ready" in value):
                return cast("T", value)
            raise Refused(str(asked), answer.status, value)
    raise Unreachable(f"{asked}: what answers is no payments-sandbox (status {answer.status}).")


def news(lines: Iterable[str]) -> News | None:
    """The message that these lines of a stream are, or None for a sign of life."""
    fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
    return News(fields["event"], json.loads(fields["data"])) if "data" in fields else None


def segment(variable: str) -> str:
    """A variable part of a path, whatever is in it."""
    return quote(variable, safe="")


def headers_of(api_key: str | None, token: str | None) -> dict[str, str]:
    """What every call carries: the key that names the world, and the control token."""
    headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
    return headers if token is None else headers | {"Sandbox-Token": token}


def address_of(url: str) -> str:
    """Where the server is: `url` without a path, such as that of one of its two APIs.

    Raises:
        ValueError: it is no address of an HTTP server.
    """
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"expected an address such as http://127.0.0.1:8080, not {url!r}")
    return f"{parts.scheme}://{parts.netloc}"
