"""Holds a server that is given connections to how soon it answers them."""

import asyncio
import contextlib
import socket
from typing import Final

from payments_sandbox.cluster.mailbox import Outgoing, open_mailbox
from payments_sandbox.cluster.places import Here
from payments_sandbox.cluster.server import SharedServer
from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import assemble
from tests.support.shared import FixedDirectory
from tests.support.sockets import raw_request

TURNS: Final = 5
"""That before the mailbox is looked at; it is read; the connection begins; aiohttp's task begins,
and then that of the request."""


async def test_a_connection_that_is_passed_on_begins_in_the_turn_in_which_it_comes() -> None:
    """Each turn of the loop more is a twentieth of all that it takes to pass one on."""
    sandbox = assemble(Settings(port=0))
    server = SharedServer(sandbox.handler, 1.0, FixedDirectory(Here()), {}, lambda _, given: given)
    box, (ours, theirs) = open_mailbox(), socket.socketpair()
    ours.setblocking(False)  # noqa: FBT003 - the module's own way
    with box.reader, box.writer, ours:
        Outgoing(box.writer).send(b"c" + raw_request("GET", "/_sandbox/live"), (theirs.fileno(),))
        theirs.close()
        turns, came = 0, b""
        async with server.receiving(box.reader):
            while not came:
                turns += 1
                await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop
                with contextlib.suppress(BlockingIOError):
                    came = ours.recv(4_096)
                assert turns <= 2 * TURNS
        await server.close()
    assert came.startswith(b"HTTP/1.1 200 OK")
    assert turns <= TURNS
