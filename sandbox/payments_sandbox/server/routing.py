"""Owns how a request finds its route: the tables of both APIs, looked up by path and method.

Every path of the two APIs has its parameter, if any, as the third segment, as in
`/v3/payments/{payment_id}/refunds`. So each look-up takes one or two steps in a dict. Requests
without a route are refused by `api/gateway.py` and `request_handler.py`.
"""

from collections.abc import Iterable, Mapping
from typing import Final, Generic, NamedTuple, TypeVar
from urllib.parse import unquote

from aiohttp import web

_PARAMETER: Final = 3
"""The index of the parameter in a path split at its slashes; index 0 is the empty start."""

T = TypeVar("T")


class Target(NamedTuple):
    """The target of a request.

    Attributes:
        path, query: as they were received.
        decoded: the path with its percent escapes decoded, except an escaped slash.
    """

    path: str
    query: str
    decoded: str

    def is_below(self, base: str) -> bool:
        """Whether the path equals a base such as `/v3`, or is below it."""
        return self.decoded.startswith(base) and self.decoded[len(base) :][:1] in {"", "/"}


def target_of(request: web.BaseRequest) -> Target:
    """Read the request target; an invalid UTF-8 byte becomes U+FFFD, as JSON cannot carry it."""
    raw = request.raw_path
    if not raw.startswith("/"):
        raw = request.path_qs  # an absolute form, `http://host/path`, or `*`
    if not raw.isascii():
        raw = raw.encode(errors="surrogateescape").decode(errors="replace")
    path, _, query = raw.partition("?")
    return Target(path, query, _decoded(path) if "%" in path else path)


class Routes(Generic[T]):
    """One API's routes by path and method."""

    def __init__(self, table: Iterable[tuple[str, str, T]]) -> None:
        self._paths: dict[str, dict[str, T]] = {}
        for method, template, route in table:
            segments = ["{}" if each.startswith("{") else each for each in template.split("/")]
            methods = self._paths.setdefault("/".join(segments), {})
            methods[method] = route
            if method == "GET":
                methods["HEAD"] = route

    def find(self, target: Target) -> tuple[Mapping[str, T] | None, str]:
        """Find the routes of the target's path.

        Returns:
            The routes by method, or None for an unknown path; and the parameter, or "".
        """
        if (found := self._paths.get(target.decoded)) is not None:
            return found, ""
        segments = target.decoded.split("/", _PARAMETER + 1)
        if len(segments) <= _PARAMETER or not (parameter := segments[_PARAMETER]):
            return None, ""
        segments[_PARAMETER] = "{}"
        return self._paths.get("/".join(segments)), parameter


def _decoded(path: str) -> str:
    return "/".join([unquote(segment).replace("/", "%2F") for segment in path.split("/")])
