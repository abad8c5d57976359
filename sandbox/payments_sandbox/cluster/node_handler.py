"""Owns what becomes of a request at a node: its world is fetched, stays, and is kept."""

import logging
from collections.abc import Awaitable
from typing import Final, cast

from aiohttp import web

from payments_sandbox.cluster.connection import MovableConnection
from payments_sandbox.cluster.handler import ConnectionPasser, OwnerHandler
from payments_sandbox.cluster.node import ClusterNode
from payments_sandbox.cluster.places import Here, NoOwnerError, Place
from payments_sandbox.contract.control_routes import CONTROL_PATH, CONTROL_ROUTES
from payments_sandbox.core.errors import SANDBOX_FAILED, InternalError
from payments_sandbox.server.control.api import refusal
from payments_sandbox.server.http_server import Handler
from payments_sandbox.server.routing import target_of
from payments_sandbox.server.world_runtime import NotKeptError
from payments_sandbox.world.registry import NotOwned

_BELOW_CONTROL: Final = f"{CONTROL_PATH}/"
_OF_NO_KEY: Final = frozenset(
    CONTROL_PATH + each.path for each in CONTROL_ROUTES if not each.needs_key
)

MOST_RELAYS: Final = 1
"""How often a connection is relayed that stays open: from where it was accepted to the owner."""

_log: Final = logging.getLogger(__name__)


class NodeHandler(OwnerHandler):
    """Answers the requests whose owner is this node, and lets the others go to theirs.

    Args:
        handler: answers requests.
        node: knows the owners, and fetches worlds.
        passer: takes connections to other nodes.

    Attributes:
        under_way: how many requests are not answered yet, and not on their way elsewhere.
    """

    def __init__(self, handler: Handler, node: ClusterNode, passer: ConnectionPasser) -> None:
        super().__init__(handler, node, passer)
        self._node, self._calls = node, node.calls
        self.under_way = 0

    def __call__(self, request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        """Answer one request, or let its connection go."""
        connection = cast("MovableConnection", request.protocol)
        key = None if _is_of_no_key(request) else connection.head_of(request).key
        if key is not None and isinstance(self._node.place_of(key), Here):
            return self._answer_here(request, key)  # no coroutine more: it is so with nearly all
        return self._answer_or_leave(request, key)

    async def _answer_here(self, request: web.BaseRequest, key: str) -> web.StreamResponse:
        self.under_way += 1
        self._calls.begin(key)
        try:
            response = await self._handler(request)
        except Exception as error:  # noqa: BLE001 - it is answered where others are
            return await self._answer_or_leave(request, key, raised=error)
        finally:
            self._calls.end(key)
            self.under_way -= 1
        return self._staying(request, response)

    async def _answer_or_leave(
        self, request: web.BaseRequest, key: str | None, *, raised: Exception | None = None
    ) -> web.StreamResponse:
        self.under_way += 1
        try:
            place, response = await self._place_or_failure(request, key, raised)
            if response is None:
                return await self._leave(cast("MovableConnection", request.protocol), place)
        finally:
            self.under_way -= 1
        return self._staying(request, response)

    async def _place_or_failure(
        self, request: web.BaseRequest, key: str | None, raised: Exception | None
    ) -> tuple[Place, web.StreamResponse | None]:
        try:
            return await self._place_or_response(request, key, raised)
        except Exception as error:  # noqa: BLE001 - as the handler inside, it answers in the envelope
            response = _failure(error)
            if not request.content.is_eof():
                response.force_close()  # the rest of the body is not waited for
            return Here(), response

    def _staying(
        self, request: web.BaseRequest, response: web.StreamResponse
    ) -> web.StreamResponse:
        connection = cast("MovableConnection", request.protocol)
        connection.stays_for(request)
        # Where the node leaves, its client connects to another one. And a connection that is used
        # with the keys of several nodes would get longer with each turn, or never shorter again.
        ends = self._node.is_leaving or connection.relays > MOST_RELAYS
        if ends and not response.prepared:
            response.force_close()
        return response

    async def _place_or_response(
        self, request: web.BaseRequest, key: str | None, raised: Exception | None
    ) -> tuple[Place, web.StreamResponse | None]:
        """The response, or the place where it is to be got.

        Raises:
            NoOwnerError: there is no such place at the moment.
        """
        try:
            if raised is not None:
                raise raised
            if key is None:
                return Here(), await self._answer_without_key(request)
            place = self._node.place_of(key)
            while place is None:  # what was asked for may be otherwise by now
                place = await self._node.claim(key)
                place = self._node.place_of(key) if isinstance(place, Here) else place
            if not isinstance(place, Here):
                return place, None
            self._calls.begin(key)
            try:
                return place, await self._handler(request)
            finally:
                self._calls.end(key)
        except NotOwned as error:  # it has gone meanwhile, or its key is in the body
            return await self._node.claim(error.api_key), None

    async def _answer_without_key(self, request: web.BaseRequest) -> web.StreamResponse:
        response = await self._handler(request)
        await self._node.keep_drawn()
        return response


def _failure(error: Exception) -> web.Response:
    """The envelope of a request whose world is nowhere at the moment."""
    if isinstance(error, NoOwnerError | NotKeptError):
        _log.warning("a request is answered 500: %s", error)
        return refusal(InternalError(f"{error}."))
    _log.error("unhandled error before a request found its world", exc_info=error)
    return refusal(InternalError(SANDBOX_FAILED))


def _is_of_no_key(request: web.BaseRequest) -> bool:
    """Whether a route needs no key, so that one in its head decides nothing."""
    path = request.raw_path
    return path.startswith(_BELOW_CONTROL) and target_of(request).decoded in _OF_NO_KEY
