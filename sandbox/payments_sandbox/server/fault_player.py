"""Owns how the plan of a wire fault is played on a connection; it knows plans, not faults."""

import socket
import struct
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final, assert_never

from aiohttp import web
from aiohttp.helpers import rfc822_formatted_time

from payments_sandbox.rules.faults.fault import Fault
from payments_sandbox.rules.faults.reply import (
    Close,
    KeepOpen,
    PlanStep,
    RealReply,
    Reset,
    Send,
    WaitUntil,
)
from payments_sandbox.server.response import AlreadySent, connection_option
from payments_sandbox.world.journal import Entry

if TYPE_CHECKING:
    from payments_sandbox.server.listening.certificates import TlsSession

LINGER_ZERO: Final = struct.pack("ii", 1, 0)
"""The socket option that ends a connection with an RST instead of a FIN."""


async def apply_fault(
    fault: Fault,
    request: web.BaseRequest,
    reply: RealReply,
    entry: Entry,
    wait_until: Callable[[float, bool], Awaitable[bool]],
) -> AlreadySent:
    """Play the plan of a fault on the connection of a request.

    Args:
        fault: the fault to play.
        request: the request, read completely: otherwise the kernel would turn every FIN into an
            RST.
        reply: the reply without the fault; what depends on the request is filled in here.
        entry: the journal entry, which records what was sent.
        wait_until: waits until so many ms from now have passed; returns False if the client has
            left or the world was reset. Its second argument says whether the plan sends more: only
            then is a client that has closed its sending side waited for.

    Returns:
        A response that tells aiohttp that everything was sent.

    Raises:
        RuntimeError: the plan does not end in `Reset`, `Close` or `KeepOpen`.
    """
    try:
        plan = list(fault.plan(_for_request(reply, request)))
        for number, action in enumerate(plan):
            match action:
                case Send(data, shown):
                    await request.writer.write(data)
                    if shown is not None:
                        entry.replied(shown.status, shown.headers, shown.body)
                case WaitUntil(milliseconds):
                    if not await wait_until(milliseconds, _sends_more(plan[number:])):
                        return AlreadySent()
                case Reset():
                    _reset(request)
                    return AlreadySent()
                case Close():
                    _end_unannounced(request)
                    return AlreadySent()
                case KeepOpen():
                    return AlreadySent(stays_open=request.keep_alive)
                case _:
                    assert_never(action)
    except ConnectionResetError:
        return AlreadySent()  # the client left between two checks
    raise RuntimeError(f"the plan of {fault.name} does not end in Reset, Close or KeepOpen")


def _sends_more(plan: Sequence[PlanStep]) -> bool:
    return any(isinstance(step, Send) for step in plan)


def _for_request(reply: RealReply, request: web.BaseRequest) -> RealReply:
    version = request.version
    return reply._replace(
        version=f"{version.major}.{version.minor}",
        is_head=request.method == "HEAD",
        connection=connection_option(version, stays_open=request.keep_alive),
        date=rfc822_formatted_time(),
    )


def _end_unannounced(request: web.BaseRequest) -> None:
    """Let the connection end in a bare FIN, even with TLS: no close_notify is sent."""
    if (transport := request.transport) is not None:
        session: TlsSession | None = transport.get_extra_info("ssl_object")
        if session is not None:
            session.is_cut = True


def _reset(request: web.BaseRequest) -> None:
    if (transport := request.transport) is not None:
        connection: socket.socket | None = transport.get_extra_info("socket")
        if connection is not None:  # with TLS, the socket goes one loop turn before its transport
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
        transport.abort()
