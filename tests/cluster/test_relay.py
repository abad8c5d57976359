"""Relayed connections: they end as they ended on the other side, whichever side that was."""

import asyncio
import json
import logging
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from payments_sandbox.cluster import connection
from payments_sandbox.cluster import relay as relays
from payments_sandbox.cluster.connection import mark
from payments_sandbox.cluster.places import UnreachableError
from payments_sandbox.cluster.relay import Relay
from payments_sandbox.core.settings import Settings
from tests.support.shared import FRONT, Way, sharing_servers
from tests.support.sockets import connected, exchange, raw_request
from tests.support.values import LONGEST_WAIT, documented_create

AT_ONCE = struct.pack("ii", 1, 0)


@asynccontextmanager
async def relayed(begun: bytes = b"") -> AsyncIterator[tuple[socket.socket, socket.socket, Relay]]:
    """Run a relay: the end of the client, the end of the node, and the relay."""
    loop = asyncio.get_running_loop()
    with (
        socket.create_server(("127.0.0.1", 0)) as accepting,
        socket.create_server(("127.0.0.1", 0)) as listening,
    ):
        client = socket.create_connection(accepting.getsockname(), LONGEST_WAIT)
        accepted, _ = accepting.accept()
        host, port = listening.getsockname()
        relay = Relay(accepted, host, port, begun)
        task = asyncio.create_task(relay.run())
        listening.setblocking(False)  # noqa: FBT003 - the module’s own way
        async with asyncio.timeout(LONGEST_WAIT):
            node, _ = await loop.sock_accept(listening)
        for end in (client, node):
            end.setblocking(False)  # noqa: FBT003 - as above
        with client, node:
            yield client, node, relay
        async with asyncio.timeout(LONGEST_WAIT):
            await task


async def read(end: socket.socket, size: int = 65_536) -> bytes:
    """Return the next bytes."""
    async with asyncio.timeout(LONGEST_WAIT):
        return await asyncio.get_running_loop().sock_recv(end, size)


async def send(end: socket.socket, data: bytes) -> None:
    """Send all bytes."""
    async with asyncio.timeout(LONGEST_WAIT):
        await asyncio.get_running_loop().sock_sendall(end, data)


async def test_a_relay_first_sends_the_bytes_already_read_then_both_directions() -> None:
    async with relayed(b"begun") as (client, node, _):
        assert await read(node) == b"begun"
        await send(client, b"more")
        assert await read(node) == b"more"
        await send(node, b"answer")
        assert await read(client) == b"answer"


async def test_a_client_that_has_closed_its_sending_side_still_gets_the_reply() -> None:
    """Its FIN is passed on as a FIN."""
    async with relayed() as (client, node, _):
        client.shutdown(socket.SHUT_WR)
        assert await read(node) == b""
        await send(node, b"answer")
        assert await read(client) == b"answer"
        node.close()
        assert await read(client) == b""


async def test_a_node_that_closes_closes_the_client_after_its_last_bytes() -> None:
    async with relayed() as (client, node, _):
        await send(node, b"last")
        node.close()
        assert await read(client) == b"last"
        assert await read(client) == b""


@pytest.mark.parametrize("is_nodes", [False, True])
async def test_a_reset_from_either_side_reaches_the_other_as_a_reset(*, is_nodes: bool) -> None:
    async with relayed(b"x") as (client, node, _):
        assert await read(node) == b"x"
        left, stays = (node, client) if is_nodes else (client, node)
        left.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        left.close()
        with pytest.raises(ConnectionResetError):
            await read(stays)


async def test_eight_megabytes_from_a_node_reach_the_client_in_full() -> None:
    """More than all buffers in between hold."""
    size = 8_000_000
    async with relayed() as (client, node, _):
        sending = asyncio.create_task(send(node, b"x" * size))
        got = 0
        while got < size:
            got += len(await read(client, 1_000_000))
        await sending
    assert got == size


async def test_relaying_to_an_unreachable_node_raises_an_error_and_keeps_the_client_connected() -> (
    None
):
    """Nothing was sent, so another node can still reply."""
    with socket.create_server(("127.0.0.1", 0)) as accepting:
        client = socket.create_connection(accepting.getsockname(), LONGEST_WAIT)
        accepted, _ = accepting.accept()
        port = accepting.getsockname()[1]
    with client, accepted:
        with pytest.raises(UnreachableError, match="Connect"):
            await Relay(accepted, "127.0.0.1", port, b"begun").run()
        assert accepted.send(b"still open") == 10


async def test_a_node_with_a_full_backlog_counts_as_unreachable_after_the_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a stopped process, whose system does not reply."""
    monkeypatch.setattr(relays, "CONNECTED_WITHIN", 0.05)
    with (
        socket.create_server(("127.0.0.1", 0)) as accepting,
        socket.create_server(("127.0.0.1", 0), backlog=0) as full,
        socket.create_connection(full.getsockname()),
    ):
        client = socket.create_connection(accepting.getsockname(), LONGEST_WAIT)
        accepted, _ = accepting.accept()
        with client, accepted:
            host, port = full.getsockname()
            with pytest.raises(UnreachableError, match="it does not accept connections"):
                await Relay(accepted, host, port, b"begun").run()
            assert accepted.send(b"still open") == 10


def test_an_owner_that_cannot_be_reached_is_named_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The call waits for another owner, and the front server continues."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with (
        sharing_servers(Way.RELAYED, owners_port=port) as both,
        connected(both.front.address) as wire,
        caplog.at_level(logging.WARNING),
    ):
        wire.send(raw_request("GET", "/v3/payments"))
        live = raw_request("GET", "/_sandbox/live", {"Authorization": None})
        while "owner: Connect call failed" not in caplog.text:
            assert exchange(both.front.address, live).status == 200


def test_a_connection_with_too_many_unsent_replies_is_closed_instead_of_moved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A new connection gets its reply."""
    monkeypatch.setattr(connection, "KEPT", 100_000)
    body = json.dumps(documented_create()).encode()
    ours = raw_request("POST", "/v3/payments", {"Authorization": "Bearer sk_test_front"}, body)
    theirs = raw_request("GET", "/v3/payments")
    with sharing_servers(Way.PASSED) as both:
        with connected(both.front.address) as wire:
            wire.send(ours * 600 + theirs)
            came, _ = wire.rest()
        assert came.count(b"HTTP/1.1 ") == 600
        assert exchange(both.front.address, theirs).status == 200


def test_a_connection_that_has_moved_to_a_node_is_closed_when_it_would_move_again() -> None:
    """Otherwise each request with another key would add a relay."""
    theirs = raw_request("GET", "/v3/payments")
    ours = raw_request("GET", "/v3/payments", {"Authorization": f"Bearer {FRONT}"})
    with (
        sharing_servers(Way.NODES, settings=Settings(port=0)) as both,
        connected(both.front.address) as wire,
    ):
        replies = []
        for raw in (ours, theirs, theirs, ours):
            wire.send(raw)
            replies.append(wire.reply())
        assert wire.ends()
    assert [(each.status, each.closes) for each in replies] == [(200, False)] * 3 + [(200, True)]


@pytest.mark.parametrize("size", [1, 5, len(mark(1)) - 1])
def test_the_mark_of_a_relayed_connection_may_arrive_in_pieces(size: int) -> None:
    """It is not part of the request."""
    raw = raw_request("GET", "/v3/payments", {"Authorization": f"Bearer {FRONT}"})
    live = raw_request("GET", "/_sandbox/live", {"Authorization": None})
    with sharing_servers(Way.RELAYED) as both, connected(both.front.address) as wire:
        wire.send(mark(1)[:size])
        assert exchange(both.front.address, live).status == 200  # the piece has been read
        wire.send(mark(1)[size:] + raw)
        assert wire.reply().status == 200


def is_awaited(relay: Relay) -> bool:
    """Return whether the relay is awaited now."""
    return relay.is_awaited


async def test_a_relay_is_awaited_until_it_has_been_quiet_and_again_after_new_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Closing a quiet relay loses nothing."""
    async with relayed(b"asked") as (client, node, relay):
        assert await read(node) == b"asked"
        assert is_awaited(relay)
        await send(node, b"answered")
        assert await read(client) == b"answered"
        assert is_awaited(relay)
        monkeypatch.setattr(relays, "QUIET", 0)
        assert not is_awaited(relay)
        await send(client, b"more")
        assert await read(node) == b"more"
        assert is_awaited(relay)
        relay.close()
        assert [await read(each) for each in (client, node)] == [b"", b""]
