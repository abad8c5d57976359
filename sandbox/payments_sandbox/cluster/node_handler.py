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

_HERE: Final = Here()
_log: Final = logging.getLogger(__name__)


class NodeHandler(OwnerHandler):
    """Answers the requests whose owner is this node, and lets the others go to theirs.

    Args:
        handler: answers requests.
        node: knows the owners, and fetches worlds.
        passer: takes connections to other nodes.
    """

    def __init__(self, handler: Handler, node: ClusterNode, passer: ConnectionPasser) -> None:
        super().__init__(handler, node, passer)
        self._node, self._calls = node, node.calls

    def __call__(self, request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        """Answer one request, or let its connection go."""
        connection = cast("MovableConnection", request.protocol)
        return self._answer(
            request, None if _is_of_no_key(request) else connection.head_of(request).key
        )

    async def _answer(self, request: web.BaseRequest, key: str | None) -> web.StreamResponse:
        connection = cast("MovableConnection", request.protocol)
        response: web.StreamResponse | None = None
        self._calls.begin(None)  # until it is answered, or on its way elsewhere
        try:
            place = _HERE if key is None else self._node.place_of(key) or await self._claimed(key)
            if not isinstance(place, Here):
                return await self._leave(connection, place)
            gone = ""
            self._calls.begin(key)
            try:
                response = await self._handler(request)
            except NotOwned as error:  # it has gone meanwhile, or its key is in the body
                gone = error.api_key
            finally:
                self._calls.end(key)
            if response is None:  # whoever gives a world away waits for the end of its calls
                return await self._leave(connection, await self._node.claim(gone))
            if key is None:
                await self._node.keep_drawn()
        except Exception as error:  # noqa: BLE001 - as the handler inside, it answers in the envelope
            response = _failure(error)
            if not request.content.is_eof():
                response.force_close()  # the rest of the body is not waited for
        finally:
            self._calls.end(None)
        return self._staying(request, response)

    async def _claimed(self, key: str) -> Place:
        """The place of a key that has to be asked for.

        Raises:
            NoOwnerError: there is no such place at the moment.
        """
        place: Place | None = None
        while place is None:  # what was asked for may be otherwise by now
            place = await self._node.claim(key)
            if isinstance(place, Here):
                place = self._node.place_of(key)
        return place

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
