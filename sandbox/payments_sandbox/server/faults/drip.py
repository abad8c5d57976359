"""Owns the fault `drip`: the real reply, its body sent in pieces that are evenly spread in time."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

from aiohttp import web

from payments_sandbox.rules.wire_faults import Drip
from payments_sandbox.server.faults.exchange import Exchange
from payments_sandbox.server.faults.kit import AlreadySent


async def drip(fault: Drip, exchange: Exchange) -> web.StreamResponse:
    """Send the head at once and the last piece when time is up; the connection stays usable."""
    real = exchange.framed(exchange.real)
    reply = web.StreamResponse(status=real.status, headers=real.headers)
    pieces = _pieces(real.body, fault.chunks)
    try:
        await reply.prepare(exchange.request)
        if not await _spread(reply, pieces, min(fault.over / 1_000, exchange.most), exchange):
            return AlreadySent()
        await reply.write_eof()
    except ConnectionResetError:
        return AlreadySent()  # the client left between two looks
    exchange.note(real)
    return reply


async def _spread(
    reply: web.StreamResponse, pieces: Sequence[bytes], seconds: float, exchange: Exchange
) -> bool:
    """Write the pieces; False when there was no end of it."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    for number, piece in enumerate(pieces, start=1):
        due = started + seconds * number / len(pieces)  # not a gap each: they would add up
        if not await exchange.wait(due - loop.time()):
            return False
        await reply.write(piece)
    return True


def _pieces(body: bytes, wanted: int) -> list[bytes]:
    """The body in so many pieces, or in its single bytes where it has fewer."""
    count = min(wanted, len(body))
    ends = [len(body) * number // count for number in range(count + 1)] if count else []
    return [body[start:end] for start, end in pairwise(ends)]
