"""Owns the fault `respond_raw`: any status, headers and body, the one door out of the contract."""

from aiohttp import web

from payments_sandbox.rules.wire_faults import RespondRaw
from payments_sandbox.server.faults.exchange import Exchange


def respond_raw(fault: RespondRaw, exchange: Exchange) -> web.StreamResponse:
    """Send what the fault says; headers that it does not name are those of the real reply."""
    real = exchange.real
    named = {name.lower() for name in fault.headers}
    kept = {name: value for name, value in real.headers.items() if name.lower() not in named}
    headers = {**kept, **fault.headers}
    return exchange.send(
        real._replace(status=fault.status, headers=headers, body=fault.body.encode())
    )
