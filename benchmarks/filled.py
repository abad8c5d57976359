"""Owns a sandbox that has many payments before it listens, made through the emulated API.

Usage: python -m benchmarks.filled PAYMENTS READY_FILE.
"""

import asyncio
import gc
import json
import os
import sys
from pathlib import Path
from time import perf_counter, thread_time
from typing import Final

from benchmarks.in_process import Api, id_in
from benchmarks.machine import resident_bytes
from benchmarks.traffic import VARIETY
from payments_sandbox.server.http_server import listening

PER_CUSTOMER: Final = 100
FIRST: Final = 1_000
"""Memory is counted from this payment on: validators are built by then, and the journal is full."""


def fill(api: Api, payments: int) -> dict[str, object]:
    """Make the payments; return what the ready file says about them."""
    customers = max(1, payments // PER_CUSTOMER)
    every = max(1, payments // VARIETY)
    kept: list[str] = []
    stall = computing = 0.0
    before = resident_bytes(os.getpid())
    for number in range(payments):
        started, computed = perf_counter(), thread_time()
        reply = api.create(f"cust_{number % customers}")
        stall = max(stall, perf_counter() - started)
        computing = max(computing, thread_time() - computed)
        if number % every == 0:
            kept.append(id_in(reply))
        if number + 1 == FIRST:
            before = resident_bytes(os.getpid())
    after = resident_bytes(os.getpid())
    return {
        "customers": [f"cust_{number * customers // 20}" for number in range(20)],
        "ids": kept,
        "stall_ms": stall * 1e3,
        "computing_ms": computing * 1e3,
        "grown": None if before is None or after is None else after - before,
    }


async def serve(api: Api, facts: dict[str, object], ready: Path) -> None:
    """Listen on a free port until killed."""
    async with listening(api.sandbox) as at:
        part = ready.with_suffix(".part")
        part.write_text(json.dumps(facts | {"base_url": f"{at.url}/v3"}), encoding="utf-8")
        part.replace(ready)
        await asyncio.Event().wait()


def main() -> None:
    """Fill, then serve, with the garbage collector as `payments-sandbox serve` sets it."""
    payments, ready = sys.argv[1:]
    gc.freeze()
    api = Api()
    facts = fill(api, int(payments))
    asyncio.run(serve(api, facts, Path(ready)))


if __name__ == "__main__":
    main()
