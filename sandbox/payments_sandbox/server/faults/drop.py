"""Owns the fault `drop`: not one byte comes back; the connection ends with a FIN or an RST."""

import socket
import struct

from aiohttp import web

from payments_sandbox.rules.wire_faults import Drop
from payments_sandbox.server.faults.exchange import Exchange
from payments_sandbox.server.faults.kit import AlreadySent


def drop(fault: Drop, exchange: Exchange) -> web.StreamResponse:
    """End the connection as the fault says."""
    transport = exchange.request.transport
    if fault.how == "reset" and transport is not None:
        at_once = struct.pack("ii", 1, 0)  # linger for zero seconds: RST in place of FIN
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        transport.abort()
    return AlreadySent()
