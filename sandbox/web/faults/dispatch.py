"""Owns which function does which wire fault; imported when the first fault is due."""

from typing import assert_never

from aiohttp import web

from sandbox.scenario.wire import Drip, Drop, Fault, Hang, Malform, RespondRaw, Truncate
from sandbox.web.faults.drip import drip
from sandbox.web.faults.drop import drop
from sandbox.web.faults.exchange import Exchange
from sandbox.web.faults.hang import hang
from sandbox.web.faults.malform import malform
from sandbox.web.faults.respond_raw import respond_raw
from sandbox.web.faults.truncate import truncate


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
