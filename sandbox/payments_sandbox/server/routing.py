"""Owns how a request finds its route: both APIs' tables, looked up by path and method.

Every path of the two APIs has its variable, if any, as the third segment, as in
`/v3/payments/{payment_id}/refunds`. That makes each look-up one or two steps in a dict.
"""

from collections.abc import Iterable
from typing import Final, Generic, NamedTuple, TypeVar
from urllib.parse import unquote

from aiohttp import web

_VARIABLE: Final = 3
"""Where a path split at its slashes has the variable; before the first slash there is nothing."""

T = TypeVar("T")


class Target(NamedTuple):
    """What a request asks for: path and query as they came, and the path's segments, decoded."""

    path: str
    query: str
    segments: list[str]


def target_of(request: web.BaseRequest) -> Target:
    """Read the request target; a byte that is no UTF-8 becomes U+FFFD, as JSON cannot carry it."""
    raw = request.raw_path
    if not raw.startswith("/"):
        raw = request.path_qs  # the absolute form, `http://host/path`, or no path: `*`
    if not raw.isascii():
        raw = raw.encode(errors="surrogateescape").decode(errors="replace")
    path, _, query = raw.partition("?")
    segments = path.split("/")
    if "%" in path:
        segments = [unquote(segment).replace("/", "%2F") for segment in segments]
    return Target(path, query, segments)


class Routes(Generic[T]):
    """One API's routes by path template and method."""

    def __init__(self, table: Iterable[tuple[str, str, T]]) -> None:
        self._paths: dict[str, dict[str, T]] = {}
        for method, template, route in table:
            segments = [_blank(segment) for segment in template.split("/")]
            methods = self._paths.setdefault("/".join(segments), {})
            methods[method] = route
            if method == "GET":
                methods["HEAD"] = route

    def find(self, target: Target) -> dict[str, T] | None:
        """The routes of the target's path by method, or None for an unknown path."""
        segments = target.segments
        found = self._paths.get("/".join(segments))
        if found is None and len(segments) > _VARIABLE and segments[_VARIABLE]:
            blanked = [*segments[:_VARIABLE], "{}", *segments[_VARIABLE + 1 :]]
            found = self._paths.get("/".join(blanked))
        return found


def variable_of(target: Target) -> str:
    """The variable part of the path; empty where it has none."""
    return target.segments[_VARIABLE] if len(target.segments) > _VARIABLE else ""


def _blank(segment: str) -> str:
    return "{}" if segment.startswith("{") else segment
