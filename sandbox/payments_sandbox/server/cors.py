"""Owns cross-origin access, off by default: exact origins may call `/v3`, and nothing else."""

import re
from collections.abc import MutableMapping
from typing import Final

from aiohttp import web

from payments_sandbox.server.response import SERVER

_EXPOSED: Final = (
    "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset,"
    " Sandbox-Rule, Sandbox-Step, Sandbox-Request-Id"
)
_USUAL: Final = "Authorization, Content-Type"
_NAMES: Final = re.compile(r"[\w!#$%&'*+.^`|~-]+(?: *, *[\w!#$%&'*+.^`|~-]+)*", re.ASCII)
"""A list of header names, and nothing that could be more than that."""


def permits(request: web.BaseRequest, origins: frozenset[str]) -> bool:
    """Whether the request comes from an allowed origin."""
    return bool(origins) and request.headers.get("Origin") in origins


def is_preflight(request: web.BaseRequest) -> bool:
    """Whether a browser asks what a page of another origin may send."""
    return request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers


def preflight(request: web.BaseRequest, allow: str | None) -> web.Response:
    """The answer to the browser of a page that may call: it may send whatever headers it has."""
    wanted = request.headers.get("Access-Control-Request-Headers", "")
    return web.Response(
        status=204,
        headers={
            "Access-Control-Allow-Methods": allow or "GET,POST",
            "Access-Control-Allow-Headers": wanted if _NAMES.fullmatch(wanted) else _USUAL,
            "Access-Control-Max-Age": "600",
            **SERVER,
        },
    )


def name_origin(
    request: web.BaseRequest, headers: MutableMapping[str, str], *, is_permitted: bool
) -> None:
    """Let the page that asked read the answer, and caches keep it for its origin alone."""
    headers["Vary"] = "Origin"
    if is_permitted:
        headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
        headers["Access-Control-Expose-Headers"] = _EXPOSED
