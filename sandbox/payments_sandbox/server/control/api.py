"""Owns the processing of a control API request: token, key, body, handler, envelope.

The handler of a route is the function with the route's name, in the module of its noun. A module
is imported with the first request to one of its routes: some import the scenario language.
"""

import hmac
import inspect
import logging
from collections.abc import Awaitable, Callable
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

import orjson
from aiohttp import web

from payments_sandbox.api.gateway import CHALLENGE, Gateway
from payments_sandbox.contract import representations
from payments_sandbox.contract.control_routes import CONTROL_PATH, ROUTES_BY_NOUN
from payments_sandbox.contract.control_routes.route import ControlRoute
from payments_sandbox.contract.error_codes import code_of
from payments_sandbox.contract.schemas import Contract, read_pairs
from payments_sandbox.core import strict_json
from payments_sandbox.core.errors import (
    SANDBOX_FAILED,
    Forbidden,
    InternalError,
    InvalidApiKey,
    InvalidRequest,
    InvalidScenario,
    NotFound,
    SandboxError,
)
from payments_sandbox.core.masking import mask_target
from payments_sandbox.core.settings import Settings
from payments_sandbox.server.control.control_request import ControlRequest
from payments_sandbox.server.log.request_log import RequestLog
from payments_sandbox.server.request_body import LIMIT, YAML, read_any_body, read_body
from payments_sandbox.server.request_headers import JSON, RequestHeaders
from payments_sandbox.server.response import SERVER, JsonResponse
from payments_sandbox.server.slices import run_in_slices
from payments_sandbox.server.world_runtime import NotKeptError, WorldRuntime
from payments_sandbox.world.registry import NotOwned
from payments_sandbox.world.world import World

_log = logging.getLogger(__name__)

Result = dict[str, object] | web.StreamResponse | None
"""The result of a handler: the JSON of the response, the whole response, or None for no body."""

Handler = Callable[[ControlRequest], Result | Awaitable[Result]]

_NOUNS: Final = {route.name: noun for noun, rows in ROUTES_BY_NOUN.items() for route in rows}

_WORLD, _EXISTING = "Sandbox-World", "existing"
"""A header, and its value, with which no request makes a world for a key that has none."""

_NOT_THERE: Final = "The requested object does not exist"


class ControlApi:
    """Serves the routes of `CONTROL_ROUTES`."""

    def __init__(
        self,
        settings: Settings,
        contract: Contract,
        runtime: WorldRuntime,
        gateway: Gateway,
        log: RequestLog,
    ) -> None:
        self._settings = settings
        self._contract = contract
        self._runtime = runtime
        self._log = log
        self._gateway = gateway
        # The health routes import nothing more, and usually are the first to be called.
        self._imported = {route.name for route in ROUTES_BY_NOUN["server"]}

    async def handle(
        self,
        request: web.BaseRequest,
        headers: RequestHeaders,
        route: ControlRoute,
        query: str,
        path_parameter: str,
    ) -> web.StreamResponse:
        """Answer one request, with an error envelope if anything goes wrong."""
        try:
            return await self._answer(request, headers, route, query, path_parameter)
        except SandboxError as raised:
            error = _with_route(raised, route)
            response = refusal(error)
            if isinstance(error, InvalidApiKey | Forbidden):
                self._runtime.metrics.count_turned_away()
                self._log.refused(request, response.status, error)
            if not request.content.is_eof():
                response.force_close()  # without waiting for the rest of the body
            return response
        except (ConnectionResetError, NotOwned):
            raise  # the client left while its body was read, or another process answers
        except NotKeptError as error:
            return refusal(InternalError(f"The changes of this request may be lost: {error}."))
        except Exception:
            if request.writer.output_size > 0:
                raise  # part of an answer was sent, and another one cannot follow
            _log.exception("unhandled error in %s %s", request.method, mask_target(request.path))
            return refusal(InternalError(SANDBOX_FAILED))

    async def _answer(
        self,
        request: web.BaseRequest,
        headers: RequestHeaders,
        route: ControlRoute,
        query: str,
        path_parameter: str,
    ) -> web.StreamResponse:
        if route.needs_token:
            self._check_token(request)
        world = await self._world(request, headers, route) if route.needs_key else None
        text = await self._text(request, route)
        body = {} if text is not None else await self._body(request, headers, route)
        if world is not None and world not in self._runtime.worlds:
            # It was dropped while the body arrived; the key gets its present world.
            world = await self._world(request, headers, route)
        control_request = ControlRequest(
            self._settings,
            self._contract,
            self._runtime,
            request,
            body=body,
            query=self._query(route, query),
            known_world=world,
            path_parameter=path_parameter,
            text=text,
        )
        if route.name not in self._imported:  # in a thread: some import the scenario language
            await self._runtime.run_beside(partial(handler_of, route.name))
            self._imported.add(route.name)
        result = handler_of(route.name)(control_request)
        if inspect.isawaitable(result):
            result = await result
        if world is not None:
            self._runtime.changed(world)
            if (kept := self._runtime.before_reply(world)) is not None:
                await kept
        return result if isinstance(result, web.StreamResponse) else _reply(route, result)

    def _check_token(self, request: web.BaseRequest) -> None:
        token = self._settings.control_token
        given = request.headers.get("Sandbox-Token", "").encode(errors="surrogateescape")
        if token is not None and not hmac.compare_digest(given, token.encode()):
            raise Forbidden(
                "invalid_token", "Send the server's control token in the header Sandbox-Token."
            )

    async def _world(
        self, request: web.BaseRequest, headers: RequestHeaders, route: ControlRoute
    ) -> World:
        key = headers.key
        if isinstance(key, InvalidApiKey):
            raise InvalidApiKey(key.details or "")  # a new one, as headers with theirs are cached
        makes_world = route.makes_world and request.headers.get(_WORLD) != _EXISTING
        admitting = self._gateway.admitting(key, makes_world=makes_world)
        world = await run_in_slices(admitting)
        world.catch_up()
        self._runtime.delayed_replies.notice(world)
        return world

    async def _text(self, request: web.BaseRequest, route: ControlRoute) -> str | None:
        """Return the body if it is YAML; None if it has to be JSON."""
        is_other = route.takes_yaml and request.content_type != JSON
        if not is_other or not request.can_read_body:
            return None
        if request.content_type != YAML:
            raise InvalidRequest(f"/: expected a body with Content-Type: {JSON} or {YAML}.")
        raw = await read_any_body(request, limit=route.body_limit or LIMIT)
        if isinstance(raw, SandboxError):
            raise raw
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidRequest(f"/: expected UTF-8; byte {error.start} is invalid.") from None

    async def _body(
        self, request: web.BaseRequest, headers: RequestHeaders, route: ControlRoute
    ) -> dict[str, Any]:
        if route.request is None:
            return {}
        raw: bytes | SandboxError = b""
        if request.can_read_body:
            raw = await read_body(request, headers, limit=route.body_limit or LIMIT)
        if isinstance(raw, SandboxError):
            raise raw
        try:
            body = await self._read_json(raw, route.body_depth) if raw else {}
        except strict_json.BadJson as error:
            raise InvalidRequest(f"/: expected JSON; {error}.") from None
        checked: dict[str, Any] = self._contract.check(route.request, body)
        return checked

    async def _read_json(self, raw: bytes, depth: int) -> object:
        """Parse a body; a large one in a thread, while the event loop serves other requests."""
        if len(raw) <= LIMIT:
            return strict_json.read(raw, deepest=depth)
        return await self._runtime.run_beside(partial(strict_json.read, raw, deepest=depth))

    def _query(self, route: ControlRoute, query: str) -> dict[str, Any]:
        return self._contract.read_query(route.query_schema, read_pairs(query))


def _with_route(error: SandboxError, route: ControlRoute) -> SandboxError:
    """Add to a "not found" or conflict error which route would have worked."""
    details = error.details or ""
    if isinstance(error, NotFound):
        if CONTROL_PATH not in details:
            is_payment = error.code == "payment_not_found"
            nouns = "/payments" if is_payment else route.path.partition("/{")[0]
            details = f"{details} GET {CONTROL_PATH}{nouns} lists what exists.".strip()
        # The code's own sentence says that the path does not exist, which here it does.
        message = _NOT_THERE if error.code == "not_found" else None
        return NotFound(error.code, details, message=message)
    if isinstance(error, InvalidRequest) and error.is_conflict and route.otherwise:
        return InvalidRequest(f"{details} {route.otherwise}")
    return error


def refusal(error: SandboxError) -> JsonResponse:
    """Return the envelope of an error of the control API, or of the origin guard."""
    body = representations.error(error)
    if isinstance(error, InvalidScenario):
        body["problems"] = error.problems
    response = json_response(code_of(error.code).status, body)
    if response.status == web.HTTPUnauthorized.status_code:
        response.headers.update(CHALLENGE)
    return response


def json_response(status: int, body: object) -> JsonResponse:
    """Return a response with a value as JSON."""
    return JsonResponse(status, {}, orjson.dumps(body))


def _reply(route: ControlRoute, body: dict[str, object] | None) -> web.StreamResponse:
    if body is None:
        return web.Response(status=route.success, headers=SERVER)
    return json_response(route.success, body)


@cache
def handler_of(route_name: str) -> Handler:
    """Return the handler of a route.

    Raises:
        LookupError: there is no such route, or its noun's module has no function of that name.
    """
    noun = _NOUNS[route_name]
    module_name = f"{__package__}.{noun}"
    found = vars(import_module(module_name)) if find_spec(module_name) else {}
    handler: Handler | None = found.get(route_name)
    if handler is None:
        raise LookupError(f"write the handler {route_name}(request) in server/control/{noun}.py")
    return handler
