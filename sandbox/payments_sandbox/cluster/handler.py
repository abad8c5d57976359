"""Owns how a request gets to the process that owns its key, if several share an address.

1. A request with a valid key in its head belongs to the owner of that key. The process that read it
   asks the directory, and answers it if it is the owner itself. For the first request of a
   connection, the directory is asked before the connection begins anywhere (`server.py`).
2. `POST /_sandbox/worlds` may have a key in its body; the one in its head does not count. The
   request is answered here up to where the world would be made. If another process owns the key,
   the whole request goes there. Without a key, the new world gets a key that is owned here.
3. Everything else is answered here: requests with no key, an invalid one or several, and bytes that
   are not HTTP.
"""

from collections.abc import Awaitable
from typing import Final, Protocol, cast

from aiohttp import web

from payments_sandbox.cluster.connection import MovableConnection, PassedConnection
from payments_sandbox.cluster.places import Directory, Here, Place
from payments_sandbox.cluster.requests import BELOW_EMULATED
from payments_sandbox.contract.control_routes import CONTROL_PATH
from payments_sandbox.server.http_server import Handler
from payments_sandbox.server.response import AlreadySent
from payments_sandbox.server.routing import target_of
from payments_sandbox.world.registry import NotOwned

_HERE: Final = Here()
_WORLDS: Final = f"{CONTROL_PATH}/worlds"


class ConnectionPasser(Protocol):
    """Takes a connection to another place; the caller keeps its descriptor, and may close it."""

    async def pass_on(self, passed: PassedConnection, place: Place) -> None:
        """Take the connection to `place`."""


class OwnerHandler:
    """Answers the requests whose owner is here, and passes the others to their owners.

    Args:
        handler: answers requests.
        directory: knows the owner of each key.
        passer: takes connections to their owners.
    """

    def __init__(self, handler: Handler, directory: Directory, passer: ConnectionPasser) -> None:
        self._handler = handler
        self._directory = directory
        self._passer = passer

    def __call__(self, request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        """Answer one request, or pass its connection on."""
        # No extra coroutine around the handler's: nearly every request is answered here.
        if _has_key_in_body(request):
            return self._answer_as_far_as_owned(request)
        connection = cast("MovableConnection", request.protocol)
        key = connection.head_of(request).key
        place = _HERE if key is None else self._directory.place_of(key)
        if isinstance(place, Here):
            connection.stays_for(request)
            return self._handler(request)
        return self._answer_elsewhere(request, key or "", place)

    async def _answer_elsewhere(
        self, request: web.BaseRequest, key: str, place: Place | None
    ) -> web.StreamResponse:
        connection = cast("MovableConnection", request.protocol)
        if place is None:
            place = await self._directory.claim(key)
        if not isinstance(place, Here):
            return await self._leave(connection, place)
        connection.stays_for(request)
        return await self._handler(request)

    async def _answer_as_far_as_owned(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = cast("MovableConnection", request.protocol)
        try:
            response = await self._handler(request)
        except NotOwned as error:
            return await self._leave(connection, await self._directory.claim(error.api_key))
        connection.stays_for(request)
        return response

    async def _leave(self, connection: MovableConnection, place: Place) -> web.StreamResponse:
        passed = await connection.prepare_to_pass()
        if passed is not None:
            await self._passer.pass_on(passed, place)
        return AlreadySent()


def _has_key_in_body(request: web.BaseRequest) -> bool:
    if request.method != "POST" or request.raw_path.startswith(BELOW_EMULATED):
        return False
    return target_of(request).decoded == _WORLDS
