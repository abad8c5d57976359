"""Owns the server of one process of several, which accepts, takes over and passes on connections.

To a sibling, the connection itself is passed: its descriptor goes through a mailbox, with the bytes
that were read of it, and is closed here. To another machine, its bytes are relayed.
"""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Coroutine, Mapping
from functools import partial
from typing import Any, Final, assert_never

from payments_sandbox.cluster.asking import Answer, ask, reply
from payments_sandbox.cluster.connection import MovableConnection, PassedConnection, mark
from payments_sandbox.cluster.handler import OwnerHandler
from payments_sandbox.cluster.mailbox import Outgoing, receive_message
from payments_sandbox.cluster.places import (
    Directory,
    Here,
    Member,
    Place,
    Sibling,
    UnreachableError,
)
from payments_sandbox.cluster.relay import QUIET, Relay
from payments_sandbox.cluster.requests import first_key
from payments_sandbox.server.http_server import Handler, HttpServer
from payments_sandbox.server.listening.first_bytes import FirstBytesListener
from payments_sandbox.server.slices import pause

_log: Final = logging.getLogger(__name__)

_CONNECTION: Final = b"c"

_FIRST_BYTES: Final = 64 * 1024
"""Bytes that are read of a connection before it is known who owns its key."""

_AGAIN: Final = 0.1
"""Wall seconds until the owner of a key is asked for again after its node was unreachable."""

_LOOK_EVERY: Final = 0.05
"""Wall seconds between two checks whether an answer is still on its way."""


class SharedServer(HttpServer):
    """Makes connections that can move to other processes, and takes over those passed to it.

    Args:
        handler: answers the requests whose owner is here.
        timeout: seconds that the head of a request may take to arrive, and then its body.
        directory: knows the owner of each key.
        siblings: the writing end of each sibling's mailbox, by its index.
        answer: answers a question of a sibling.
    """

    def __init__(
        self,
        handler: Handler,
        timeout: float,
        directory: Directory,
        siblings: Mapping[int, socket.socket],
        answer: Answer,
    ) -> None:
        super().__init__(self._owner_handler(handler, directory), timeout)
        self._directory = directory
        self._siblings = {index: Outgoing(writer) for index, writer in siblings.items()}
        if siblings:
            # Read before there is a transport and a protocol: making those costs more than passing.
            self.accepting = partial(
                FirstBytesListener, begin=self._begin_at_owner, most=_FIRST_BYTES
            )
        self._answer = answer
        self._tasks: set[asyncio.Task[None]] = set()
        self._relays: dict[Relay, str] = {}

    def _owner_handler(self, handler: Handler, directory: Directory) -> Handler:
        """Make the handler that passes requests to their owners."""
        return OwnerHandler(handler, directory, self)

    def __call__(self) -> MovableConnection:
        """Make the protocol of a connection."""
        return self._connection()

    def _connection(self, first_bytes: bytes = b"") -> MovableConnection:
        passes = self._passes if self._siblings else None
        return MovableConnection(self, self._timeout, first_bytes, passes=passes)

    async def pass_on(self, passed: PassedConnection, place: Place) -> None:
        """Take a connection to another place, or start it again in this one."""
        match place:
            case Sibling(index):
                self._pass_to(index, passed)
            case Member():
                client = socket.socket(fileno=os.dup(passed.descriptor))
                self._begin(self._relay(client, place, passed))
            case Here():
                self._take_over(os.dup(passed.descriptor), passed.first_bytes)
            case _:
                assert_never(place)

    async def ask(self, question: str, arguments: list[Any] | None = None) -> list[Any]:
        """Ask all siblings; see `Elsewhere`. A sibling that restarts meanwhile is left out."""
        answers = (ask(each, question, arguments) for each in self._siblings.values())
        return [each for each in await asyncio.gather(*answers) if each is not None]

    def _begin_at_owner(self, connection: socket.socket, first: bytes) -> None:
        """Serve a connection that was accepted here, or pass it to the owner of its first key."""
        if self._passes(connection.fileno(), first):
            connection.close()
        else:
            self._begin(self._serve(connection, first))

    def _passes(self, descriptor: int, begin: bytes) -> bool:
        """Pass a connection on if its first request is known to belong to a sibling."""
        key = first_key(begin)
        place = None if key is None else self._directory.place_of(key)
        if not isinstance(place, Sibling):
            return False
        self._pass_to(place.index, PassedConnection(descriptor, begin))
        return True

    def _pass_to(self, index: int, passed: PassedConnection) -> None:
        try:
            self._siblings[index].send(_CONNECTION + passed.first_bytes, (passed.descriptor,))
        except OSError as error:
            _log.warning("cannot pass a connection to worker %d: %s", index, error.strerror)

    @contextlib.asynccontextmanager
    async def receiving(self, mailbox: socket.socket) -> AsyncIterator[None]:
        """Take over the connections that arrive in a mailbox until the block ends."""
        loop = asyncio.get_running_loop()
        loop.add_reader(mailbox, self._read, mailbox)
        try:
            yield
        finally:
            loop.remove_reader(mailbox)

    async def close(self) -> None:
        """End every connection; relayed ones first have a moment to end on their own."""
        await super().close()
        for each in self._relays:
            if not each.is_awaited:
                each.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=QUIET)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def until_answered(self, longest: float) -> None:
        """Wait until no answer is on its way, for `longest` seconds at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(longest):
                while self._is_awaited():
                    await pause(_LOOK_EVERY)

    def _is_awaited(self) -> bool:
        return any(each.is_awaited for each in self._relays)

    def _read(self, mailbox: socket.socket) -> None:
        message = receive_message(mailbox)  # one per turn of the loop, so that requests get theirs
        if message is None:
            return
        if not message.is_whole:
            _log.warning("a connection was lost: too many are open; ulimit -n raises the limit")
            return
        [descriptor] = message.descriptors
        kind, text = message.text[:1], message.text[1:]
        if kind == _CONNECTION:
            self._take_over(descriptor, text)
        else:
            self._begin(reply(socket.socket(fileno=descriptor), text, self._answer))

    def _take_over(self, descriptor: int, first_bytes: bytes) -> None:
        self._begin(self._serve(socket.socket(fileno=descriptor), first_bytes))

    async def _serve(self, connection: socket.socket, first_bytes: bytes) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: self._connection(first_bytes), connection
            )
        except OSError:  # the connection ended before it arrived
            connection.close()

    async def _relay(self, client: socket.socket, node: Member, passed: PassedConnection) -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(client.close)
            first_bytes = mark(passed.relays + 1) + passed.first_bytes
            relay = Relay(client, node.host, node.port, first_bytes)
            self._relays[relay] = node.name
            stack.callback(self._relays.pop, relay)
            try:
                await relay.run()
            except UnreachableError as error:
                self._directory.unreachable(node, error)
                await pause(_AGAIN)
                stack.pop_all()
                del self._relays[relay]
                # Its begin decides again: there may be another owner now.
                await self._serve(client, mark(passed.relays) + passed.first_bytes)
            except OSError:
                return  # the client has gone

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
