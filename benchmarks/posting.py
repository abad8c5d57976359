"""Owns the sending side of the webhook benchmark: our dispatcher and a bare client, in turns.

Usage: python -m benchmarks.posting URL EVENTS ROUNDS. Prints the seconds of each round as JSON.
"""

import asyncio
import gc
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from time import perf_counter
from typing import Final

import aiohttp

from benchmarks.machine import resident_bytes
from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import AssembledServer, assemble
from payments_sandbox.server.webhooks.dispatcher import MAX_PER_ENDPOINT
from payments_sandbox.world.world import World

BODY: Final = (
    b'{"id":"evt_0123456789abcdef","type":"payment.completed","created_at":"2030-01-15T10:30:00Z",'
    b'"data":{"payment_id":"pay_0123456789abcdef","amount":2500,"currency":"USD"}}'
)
HEADERS: Final = {
    "Content-Type": "application/json",
    "User-Agent": "bare",
    "webhook-timestamp": "1700000000",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
DATA: Final[dict[str, object]] = {
    "payment_id": "pay_0123456789abcdef",
    "amount": 2_500,
    "currency": "USD",
}


class Ours:
    """A world with one endpoint, and a sandbox that sends its webhooks."""

    def __init__(self, url: str) -> None:
        self._sandbox: AssembledServer = assemble(Settings(port=0, clock="2030-01-15T10:30:00Z"))
        self._world: World = self._sandbox.runtime.worlds.make()
        webhooks = self._world.open_webhooks()
        webhooks.put(webhooks.new_endpoint(url))

    def prepare(self, events: int) -> None:
        """Make events without sending them yet."""
        for _ in range(events):
            self._world.make_event("payment.completed", DATA)

    async def drain(self, _: int) -> None:
        """Send all of them."""
        await self._sandbox.runtime.dispatcher.settle(self._world)

    async def close(self) -> None:
        """Close every connection."""
        await self._sandbox.runtime.dispatcher.close()


class Bare:
    """One session, the same headers, as many posts at once; it signs, stores and plans nothing."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = aiohttp.ClientSession()
        self._sent = 0

    def prepare(self, _: int) -> None:
        """Do nothing: there is nothing to prepare."""

    async def drain(self, events: int) -> None:
        """Send as many posts."""
        left = iter(range(events))
        await asyncio.gather(*(self._post(left) for _ in range(MAX_PER_ENDPOINT)))

    async def _post(self, left: Iterator[int]) -> None:
        for _ in left:
            self._sent += 1
            headers = HEADERS | {"webhook-id": f"bare_{self._sent}"}
            async with self._session.post(self._url, data=BODY, headers=headers) as response:
                await response.read()
                assert response.status == 200

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()


async def measure(url: str, events: int, rounds: int) -> dict[str, object]:
    """Measure both in turns, and discard the first turn of each."""
    sides: dict[str, Ours | Bare] = {"ours": Ours(url), "bare": Bare(url)}
    seconds: dict[str, list[float]] = {"ours": [], "bare": []}
    resident: list[int | None] = []
    for _ in range(rounds + 1):
        for name, side in sides.items():
            seconds[name].append(await _turn(side.prepare, side.drain, events))
            await _check(url, events)
        resident.append(resident_bytes(os.getpid()))
    for side in sides.values():
        await side.close()
    kept = {name: taken[1:] for name, taken in seconds.items()}
    return kept | {"resident": resident}


async def _turn(
    prepare: Callable[[int], None], drain: Callable[[int], Awaitable[None]], events: int
) -> float:
    prepare(events)
    gc.collect()
    started = perf_counter()
    await drain(events)
    return perf_counter() - started


async def _check(url: str, events: int) -> None:
    """Check the receiver's counts: everything arrived, and nothing twice."""
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        counts = await response.json()
    assert counts == {"arrived": events, "different": events}, counts


def main() -> None:
    """Measure and print."""
    url, events, rounds = sys.argv[1:]
    gc.freeze()
    print(json.dumps(asyncio.run(measure(url, int(events), int(rounds)))))


if __name__ == "__main__":
    main()
