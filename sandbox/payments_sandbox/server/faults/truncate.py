"""Owns the fault `truncate`: the reply breaks off, in its body or in its head, with a FIN."""

from typing import assert_never

from aiohttp import web

from payments_sandbox.rules.wire_faults import WHOLE, Truncate
from payments_sandbox.server.faults.exchange import Exchange


def truncate(fault: Truncate, exchange: Exchange) -> web.StreamResponse:
    """Send the first part of the real reply, whose head promises all of it."""
    whole = exchange.framed(exchange.real)
    head = exchange.head(whole)
    match fault.part:
        case "headers":
            return exchange.put(_first(fault.keep, head))
        case "body":
            sent = whole._replace(body=_first(fault.keep, whole.body))
            exchange.note(sent)
            return exchange.put(head + sent.body)
        case _:
            assert_never(fault.part)


def _first(percent: float, data: bytes) -> bytes:
    """So much of it, rounded down; at least a byte is missing, where there is one."""
    return data[: max(0, min(int(len(data) * percent / WHOLE), len(data) - 1))]
