"""Owns cross-origin access, off by default: exact origins may call `/v3`, and nothing else."""

from typing import Final

from aiohttp import web

from sandbox.contract.operations import BASE_PATH

_EXPOSED: Final = "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"


def permits(request: web.BaseRequest, origins: frozenset[str]) -> bool:
    """Whether the request comes from an allowed origin and goes to `/v3`."""
    return request.headers.get("Origin") in origins and request.path.startswith(f"{BASE_PATH}/")


def preflight(request: web.Request, allow: str | None) -> web.Response:
    """The answer to a browser that asks what it may send."""
    return web.Response(
        status=204,
        headers={
            "Access-Control-Allow-Methods": allow or "GET,POST",
            "Access-Control-Allow-Headers": "Authorization, Content-Type",
            "Access-Control-Max-Age": "600",
            "Server": "payments-sandbox",
        },
    )


def allow(app: web.Application, origins: frozenset[str]) -> None:
    """Name the origin on every answer that it may read; without origins nothing is added."""
    if not origins:
        return

    async def name_origin(request: web.Request, response: web.StreamResponse) -> None:
        if permits(request, origins):
            response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
            response.headers["Access-Control-Expose-Headers"] = _EXPOSED
            response.headers["Vary"] = "Origin"

    app.on_response_prepare.append(name_origin)
