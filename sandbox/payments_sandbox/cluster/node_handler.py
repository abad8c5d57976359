"""Owns how a node handles a request: it fetches the world of its key, and keeps it meanwhile."""

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
"""How often a connection that stays open may be relayed: once, from the first node to the owner."""

_HERE: Final = Here()
_log: Final = logging.getLogger(__name__)


class NodeHandler(OwnerHandler):
    """Answers the requests whose owner is this node, and passes the others to their owners.

    Args:
        handler: answers requests.
        node: knows the owners, and fetches worlds.
        passer: takes connections to other nodes.
    """

    def __init__(self, handler: Handler, node: ClusterNode, passer: ConnectionPasser) -> None:
        super().__init__(handler, node, passer)
        self._node, self._calls = node, node.calls

    def __call__(self, request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        """Answer one request, or pass its connection on."""
        connection = cast("MovableConnection", request.protocol)
        return self._answer(
            request, None if _needs_no_key(request) else connection.head_of(request).key
        )

    async def _answer(self, request: web.BaseRequest, key: str | None) -> web.StreamResponse:
        connection = cast("MovableConnection", request.protocol)
        response: web.StreamResponse | None = None
        self._calls.begin(None)  # until it is answered or passed on
        try:
            place = _HERE if key is None else self._node.place_of(key) or await self._claimed(key)
            if not isinstance(place, Here):
                return await self._leave(connection, place)
            gone = ""
            self._calls.begin(key)
            try:
                response = await self._handler(request)
            except NotOwned as error:  # the world has moved meanwhile, or the key is in the body
                gone = error.api_key
            finally:
                self._calls.end(key)
            if response is None:  # after `end`: handing a world over waits for the end of its calls
                return await self._leave(connection, await self._node.claim(gone))
            if key is None:
                await self._node.keep_drawn()
        except Exception as error:  # noqa: BLE001 - like the inner handler, it answers in the envelope
            response = _failure(error)
            if not request.content.is_eof():
                response.force_close()  # instead of waiting for the rest of the body
        finally:
            self._calls.end(None)
        return self._staying(request, response)

    async def _claimed(self, key: str) -> Place:
        """Ask for the place of a key.

        Raises:
            NoOwnerError: no node has the key at the moment.
        """
        place: Place | None = None
        while place is None:  # the lease may have run out since the claim was answered
            place = await self._node.claim(key)
            if isinstance(place, Here):
                place = self._node.place_of(key)
        return place

    def _staying(
        self, request: web.BaseRequest, response: web.StreamResponse
    ) -> web.StreamResponse:
        connection = cast("MovableConnection", request.protocol)
        connection.stays_for(request)
        # When the node leaves, its client has to connect to another one. And a connection that is
        # used with the keys of several nodes would be relayed once more each time they alternate.
        ends = self._node.is_leaving or connection.relays > MOST_RELAYS
        if ends and not response.prepared:
            response.force_close()
        return response


def _failure(error: Exception) -> web.StreamResponse:
    """The envelope for a request whose world is not available at the moment."""
    if isinstance(error, NoOwnerError | NotKeptError):
        _log.warning("a request was answered 500: %s", error)
        return refusal(InternalError(f"{error}."))
    _log.error("unhandled error before a request found its world", exc_info=error)
    return refusal(InternalError(SANDBOX_FAILED))


def _needs_no_key(request: web.BaseRequest) -> bool:
    """Whether the route needs no key, so that a key in the head decides nothing."""
    path = request.raw_path
    return path.startswith(_BELOW_CONTROL) and target_of(request).decoded in _OF_NO_KEY
