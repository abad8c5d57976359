"""Owns the aiohttp application: every URL on one page, behind one door."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from sandbox.api.gateway import Gateway
from sandbox.contract.control_routes import CONTROL_PATH, CONTROL_ROUTES
from sandbox.contract.operations import BASE_PATH, OPERATIONS
from sandbox.domain.errors import Forbidden, InvalidRequest, MethodNotAllowed, NotFound
from sandbox.web import cors
from sandbox.web.body import LIMIT, wait_with_continue
from sandbox.web.control.api import ControlApi, refusal
from sandbox.web.emulated import EmulatedApi, OnAnswer
from sandbox.web.faults.kit import AlreadySent
from sandbox.web.guard import HostList, is_cross_site
from sandbox.web.parts import Parts

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_ANY_PATH: Final = "/{path:.*}"
_WHICH_HOST: Final = (
    "expected a Host that is local; start the sandbox with --allow-host NAME to add one."
)
_WHICH_ORIGIN: Final = (
    "expected no page of another origin; start the sandbox with --cors ORIGIN to let one call /v3."
)
_APIS: Final = "The APIs are /v3 and /_sandbox."


def create_app(parts: Parts, gateway: Gateway, on_answer: OnAnswer | None) -> web.Application:
    """The application of one server, from its parts."""
    emulated = EmulatedApi(parts, gateway, on_answer)
    control = ControlApi(parts, gateway.admit)
    app = web.Application(client_max_size=LIMIT, middlewares=[_door(parts)])
    cors.allow(app, parts.settings.cors)
    for operation in OPERATIONS:
        handler = partial(emulated.handle, operation=operation.name)
        _route(app, operation.method, BASE_PATH + operation.path, handler)
    for route in CONTROL_ROUTES:
        _route(app, route.method, CONTROL_PATH + route.path, partial(control.handle, route=route))
    _route(app, "*", _ANY_PATH, partial(_elsewhere, emulated=emulated))
    return app


def _route(app: web.Application, method: str, path: str, handler: Handler) -> None:
    """One route; GET answers HEAD too, and no route says `100 Continue` before it has looked."""
    for name in ("GET", "HEAD") if method == "GET" else (method,):
        app.router.add_route(name, path, handler, expect_handler=wait_with_continue)


def _door(parts: Parts) -> Middleware:
    """Refuses foreign hosts and foreign pages before anything else looks at the request."""
    hosts = HostList(parts.settings.allow_hosts)

    @web.middleware
    async def door(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not hosts.admits(request):
            return _turn_away(request, Forbidden("unknown_host", _WHICH_HOST))
        if is_cross_site(request) and not cors.permits(request, parts.settings.cors):
            return _turn_away(request, Forbidden("cross_site_request", _WHICH_ORIGIN))
        try:
            return await handler(request)
        except ConnectionResetError:
            return AlreadySent()  # the client left while we read: nobody to answer
        except web.HTTPNotFound:  # a target that is no path, such as `*`
            return refusal(NotFound("not_found", _APIS))

    return door


def _turn_away(request: web.Request, error: Forbidden) -> web.Response:
    """The door's refusal; the emulated API documents neither 403 nor 421, so there it is a 400."""
    if _is_below(BASE_PATH, request.path):
        return refusal(InvalidRequest(f"/: {error.details}"))
    return refusal(error)


async def _elsewhere(request: web.Request, emulated: EmulatedApi) -> web.StreamResponse:
    """No such path, or no such method: in the envelope of the API it would belong to."""
    allow = await _allowed(request)
    if _is_below(BASE_PATH, request.path):
        if request.method == "OPTIONS" and cors.permits(request, emulated.settings.cors):
            return cors.preflight(request, allow)
        response = await emulated.handle(request, allow=allow)
    elif allow is not None:
        response = refusal(MethodNotAllowed(request.method, allow))
    else:
        response = refusal(NotFound("not_found", _APIS))
    if allow is not None and response.status == web.HTTPMethodNotAllowed.status_code:
        response.headers["Allow"] = allow
    return response


async def _allowed(request: web.Request) -> str | None:
    """The methods that the path has, or None for an unknown path."""
    allowed: set[str] = set()
    for resource in request.app.router.resources():
        _, methods = await resource.resolve(request)
        allowed |= methods
    return ",".join(sorted(allowed - {"*"})) or None


def _is_below(base: str, path: str) -> bool:
    return path == base or path.startswith(f"{base}/")
