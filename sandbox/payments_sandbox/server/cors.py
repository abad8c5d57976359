"""Owns cross-origin access, off by default: exact origins may call `/v3`, and nothing else."""

from collections.abc import MutableMapping
from typing import Final

from aiohttp import web

from payments_sandbox.server.response import SERVER

_EXPOSED: Final = "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"


def permits(request: web.BaseRequest, origins: frozenset[str]) -> bool:
    """Whether the request comes from an allowed origin."""
    return bool(origins) and request.headers.get("Origin") in origins


def preflight(allow: str | None) -> web.Response:
    """The answer to a browser that asks what it may send."""
    return web.Response(
        status=204,
        headers={
            "Access-Control-Allow-Methods": allow or "GET,POST",
            "Access-Control-Allow-Headers": "Authorization, Content-Type",
            "Access-Control-Max-Age": "600",
            **SERVER,
        },
    )


def name_origin(
    request: web.BaseRequest, headers: MutableMapping[str, str], *, is_permitted: bool
) -> None:
    """Let the page that asked read the answer; caches learn that others may not."""
    headers["Vary"] = "Origin"
    if is_permitted:
        headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
        headers["Access-Control-Expose-Headers"] = _EXPOSED
