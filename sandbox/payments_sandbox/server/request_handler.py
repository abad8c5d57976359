"""Owns the answer to every request: it applies the origin guard, then calls the path's API."""

import logging
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from aiohttp import HttpVersion10, web

from payments_sandbox.api.call import Call
from payments_sandbox.api.gateway import path_meant, valid_key
from payments_sandbox.contract.control_routes import CONTROL_PATH, CONTROL_ROUTES
from payments_sandbox.contract.operations import BASE_PATH, OPERATIONS
from payments_sandbox.core.errors import (
    SANDBOX_FAILED,
    Forbidden,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
)
from payments_sandbox.core.masking import mask_target
from payments_sandbox.core.settings import Settings
from payments_sandbox.core.wording import nearest
from payments_sandbox.server.connection import VERSIONS, NotHttp, UnfinishedBodyError
from payments_sandbox.server.control.api import ControlApi, refusal
from payments_sandbox.server.emulated_api import EmulatedApi
from payments_sandbox.server.log.request_log import RequestLog
from payments_sandbox.server.metrics import Metrics
from payments_sandbox.server.origin_guard import (
    HostPolicy,
    answer_preflight,
    is_guarded,
    is_origin_permitted,
    name_origin,
)
from payments_sandbox.server.request_body import await_unread_body
from payments_sandbox.server.request_headers import HeaderReader, RequestHeaders
from payments_sandbox.server.response import AlreadySent
from payments_sandbox.server.routing import Routes, Target, target_of
from payments_sandbox.world.registry import NotOwned

if TYPE_CHECKING:
    from payments_sandbox.server.dashboard import Dashboard

_log = logging.getLogger(__name__)

_WHICH_HOST: Final = (
    "expected a local Host; start the sandbox with --allow-host NAME to allow another."
)
_WHICH_ORIGIN: Final = (
    "pages of other origins are not allowed; start the sandbox with --cors ORIGIN to let one call"
    " /v3."
)
_WHICH_PATH: Final = "expected a path below /v3; --cors allows pages no other."
_WHICH_BODY: Final = "/: expected the complete body that the headers announce."
_INBOXES: Final = f"{CONTROL_PATH}/inbox"
_NO_WEBHOOK: Final = (
    "/: expected a request of a client; only /_sandbox/inbox/{name} receives a sandbox's webhooks."
)
_READS: Final = frozenset({"GET", "HEAD"})
_HEALTH: Final = frozenset({f"{CONTROL_PATH}/live", f"{CONTROL_PATH}/ready"})
_NO_CALLS: Final = frozenset({"/", "/favicon.ico"})
"""Paths that a browser requests by itself: no sign of a client that lost the `/v3`."""

_APIS: Final = "The APIs are /v3 and /_sandbox."
_ROUTES: Final = f"GET {CONTROL_PATH}/control-openapi.json lists all routes."


class RequestHandler:
    """Answers every request of one server, as a handler of aiohttp's low-level server.

    It uses the tables of routes directly, and neither aiohttp's application nor its router.
    """

    def __init__(
        self,
        settings: Settings,
        emulated: EmulatedApi,
        control: ControlApi,
        log: RequestLog,
        metrics: Metrics,
    ) -> None:
        self._log = log
        self._metrics = metrics
        self._origins = settings.cors
        self._headers = HeaderReader()
        self._hosts = HostPolicy(settings.allow_hosts)
        self._emulated = emulated
        self._control = control
        self._dashboard: Dashboard | None = None
        self._operations = Routes((op.method, BASE_PATH + op.path, op.name) for op in OPERATIONS)
        self._routes = Routes(
            (each.method, CONTROL_PATH + each.path, each) for each in CONTROL_ROUTES
        )

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, with an error envelope if anything goes wrong."""
        if request.version not in VERSIONS:
            return NotHttp(HttpVersion10)
        try:
            response = await self._answer(request)
        except UnfinishedBodyError:
            refused = refusal(InvalidRequest(_WHICH_BODY))
            refused.force_close()
            return refused
        except ConnectionResetError:
            return AlreadySent()  # the client left while its request was read
        except NotOwned:
            raise  # another process answers
        except Exception:  # noqa: BLE001 - the last place that can answer; it logs the traceback
            _log.exception("unhandled error in a %s request", request.method)
            return _failure(request)
        # Closing while the client still sends makes the kernel reset the connection, and the reply
        # could be lost on its way.
        if not request.content.is_eof() and response.keep_alive is not False:
            await await_unread_body(request)
        return response

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        target = target_of(request)
        headers = self._headers.read(request)
        methods, parameter = self._operations.find(target)
        is_emulated = methods is not None or target.is_below(BASE_PATH)
        if (error := self._refusal(request, headers, target, is_emulated=is_emulated)) is not None:
            return self._refuse(request, error, is_emulated=is_emulated)
        if not is_emulated:
            return await self._answer_control(request, headers, target)
        method = request.method
        operation = methods.get(method) if methods else None
        if operation is not None:
            call = Call(operation, method, target.path, headers.lines, target.query)
            call.payment_id = parameter
            response = await self._emulated.handle(request, headers, call)
        else:
            response = await self._answer_undocumented(request, headers, target, _listed(methods))
        if self._origins:
            is_permitted = is_origin_permitted(request, self._origins)
            name_origin(request, response.headers, is_permitted=is_permitted)
        return response

    def _refusal(
        self,
        request: web.BaseRequest,
        headers: RequestHeaders,
        target: Target,
        *,
        is_emulated: bool,
    ) -> Forbidden | InvalidRequest | None:
        """Return why a request is refused, if it is.

        The origin guard may refuse it. A webhook of a sandbox is accepted by inboxes only: an
        endpoint that leads back to an API could set off events without end.
        """
        if not self._hosts.allows(request, headers.host) and not _is_bare_health_check(request):
            return Forbidden("unknown_host", _WHICH_HOST)
        if headers.is_from_another_site and is_guarded(request):
            if not is_origin_permitted(request, self._origins):
                return Forbidden("cross_site_request", _WHICH_ORIGIN)
            if not is_emulated:
                return Forbidden("cross_site_request", self._only_emulated(target))
        if headers.is_webhook and not target.is_below(_INBOXES):
            return InvalidRequest(_NO_WEBHOOK)
        return None

    async def _answer_undocumented(
        self,
        request: web.BaseRequest,
        headers: RequestHeaders,
        target: Target,
        allow: str | None,
    ) -> web.StreamResponse:
        """Answer a path or method below `/v3` that is not an operation."""
        if request.method == "OPTIONS" and is_origin_permitted(request, self._origins):
            return answer_preflight(request, allow)
        method, lines = request.method, headers.lines
        call = Call(None, method, target.path, lines, target.query, allow=allow)
        return _with_allow(await self._emulated.handle(request, headers, call), allow)

    async def _answer_control(
        self, request: web.BaseRequest, headers: RequestHeaders, target: Target
    ) -> web.StreamResponse:
        """Answer a path outside `/v3`: the control API, the dashboard, or an unknown path."""
        methods, parameter = self._routes.find(target)
        route = methods.get(request.method) if methods else None
        if route is not None:
            return await self._control.handle(request, headers, route, target.query, parameter)
        if (allow := _listed(methods)) is not None:
            return _with_allow(refusal(MethodNotAllowed(request.method, allow)), allow)
        if request.method in _READS and (page := self._page(request, target)) is not None:
            return page
        suggestion, is_ours = self._suggestion(target)
        keys = [valid_key(each) for each in headers.authorizations]
        if is_ours or len(keys) != 1 or keys[0] is None:
            return refusal(NotFound("not_found", suggestion))
        # Probably a client of the API whose base URL lacks the /v3: its world's journal shows it.
        method, lines = request.method, headers.lines
        call = Call(None, method, target.path, lines, target.query, elsewhere=suggestion)
        return await self._emulated.handle(request, headers, call)

    def _only_emulated(self, target: Target) -> str:
        """Say that an allowed page may call only `/v3`, and which path it probably meant."""
        suggestion, is_ours = self._suggestion(target)
        is_meant = not is_ours and suggestion != _APIS
        return f"{_WHICH_PATH} {suggestion}" if is_meant else _WHICH_PATH

    def _suggestion(self, target: Target) -> tuple[str, bool]:
        """Suggest a path for one that does not exist.

        Returns:
            The suggestion, and whether the path is one that no client of the emulated API calls.
        """
        single = re.sub("/{2,}", "/", target.path)
        is_double = single != target.path
        close = self._close_route(single, is_double=is_double)
        is_ours = (
            close is not None
            or single[:1] != "/"
            or single in _NO_CALLS
            or target.is_below(CONTROL_PATH)
            or single.startswith(f"{CONTROL_PATH}/")
        )
        meant = close if is_ours else path_meant(target.path)
        if meant is not None:
            start = "The path has two slashes in a row; did" if is_double else "Did"
            return f"{start} you mean {mask_target(meant)}?", is_ours
        return _ROUTES if target.is_below(CONTROL_PATH) else _APIS, is_ours

    def _close_route(self, path: str, *, is_double: bool) -> str | None:
        """Return the control API's path that is nearly this one, such as one without a slash."""
        if is_double and self._routes.find(Target(path, "", path))[0] is not None:
            return path
        return nearest(path, [CONTROL_PATH + route.path for route in CONTROL_ROUTES], 0.9)

    def _page(self, request: web.BaseRequest, target: Target) -> web.Response | None:
        """Return a file of the dashboard, if the path is one of its own."""
        if self._dashboard is None:
            from payments_sandbox.server.dashboard import Dashboard  # noqa: PLC0415 - few servers need it

            self._dashboard = Dashboard()
        return self._dashboard.answer(request, target.decoded)

    def _refuse(
        self, request: web.BaseRequest, error: Forbidden | InvalidRequest, *, is_emulated: bool
    ) -> web.StreamResponse:
        """Refuse with 403 or 421; below `/v3` with 400, since the API documents neither."""
        is_undocumented = is_emulated and isinstance(error, Forbidden)
        response = refusal(InvalidRequest(f"/: {error.details}") if is_undocumented else error)
        self._metrics.count_turned_away()
        self._log.refused(request, response.status, error)
        return response


def _is_bare_health_check(request: web.BaseRequest) -> bool:
    """Whether it is a health check in HTTP/1.0 without a Host.

    Some load balancers send that. No browser can, so the origin guard lets it pass.
    """
    return (
        request.version == HttpVersion10
        and "Host" not in request.headers
        and request.raw_path in _HEALTH
    )


def _failure(request: web.BaseRequest) -> web.StreamResponse:
    """Return the envelope of an internal error, unless part of another answer was sent already."""
    if request.writer.output_size > 0:
        return AlreadySent()
    response = refusal(InternalError(SANDBOX_FAILED))
    response.force_close()  # it is unknown how much of the request was read
    return response


def _with_allow(response: web.StreamResponse, allow: str | None) -> web.StreamResponse:
    if allow is not None and response.status == web.HTTPMethodNotAllowed.status_code:
        response.headers["Allow"] = allow
    return response


def _listed(methods: Iterable[str] | None) -> str | None:
    return ",".join(sorted(methods)) if methods else None
