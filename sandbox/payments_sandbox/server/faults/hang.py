"""Owns the fault `hang`: the request is accepted, then silence, then a FIN without a byte."""

from aiohttp import web

from payments_sandbox.rules.wire_faults import Hang
from payments_sandbox.server.faults.exchange import Exchange
from payments_sandbox.server.faults.kit import AlreadySent


async def hang(fault: Hang, exchange: Exchange) -> web.StreamResponse:
    """Say nothing until time is up, the client has left, or the world was reset or dropped."""
    asked = exchange.most if fault.lasts is None else fault.lasts / 1_000
    await exchange.wait(min(asked, exchange.most))
    return AlreadySent()
