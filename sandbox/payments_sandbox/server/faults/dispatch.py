"""Owns which function does which wire fault; imported when the first fault is due."""

from typing import assert_never

from aiohttp import web

from payments_sandbox.rules.wire_faults import (
    Drip,
    Drop,
    Fault,
    Hang,
    Malform,
    RespondRaw,
    Truncate,
)
from payments_sandbox.server.faults.drip import drip
from payments_sandbox.server.faults.drop import drop
from payments_sandbox.server.faults.exchange import Exchange
from payments_sandbox.server.faults.hang import hang
from payments_sandbox.server.faults.malform import malform
from payments_sandbox.server.faults.respond_raw import respond_raw
from payments_sandbox.server.faults.truncate import truncate


async def inflict(fault: Fault, exchange: Exchange) -> web.StreamResponse:
    """Do a fault; returns what aiohttp shall take for the response."""
    match fault:
        case Drop():
            return drop(fault, exchange)
        case Hang():
            return await hang(fault, exchange)
        case Truncate():
            return truncate(fault, exchange)
        case Malform():
            return malform(fault, exchange)
        case Drip():
            return await drip(fault, exchange)
        case RespondRaw():
            return respond_raw(fault, exchange)
        case _:
            assert_never(fault)
