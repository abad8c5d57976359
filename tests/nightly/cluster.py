"""Kills nodes of a cluster under load, and holds what is left against what clients were told.

`python -m tests.nightly.cluster --seeds 50`: each seed starts an engine and three nodes as
processes, pays and refunds in many worlds at all of them, and kills one with SIGKILL, or stops one
for longer than its lease and lets it go on. Then every world has to answer, and:

- with `--durability reply` every payment that was answered 201 is there; with `relaxed` those that
  are missing were answered shortly before the end, and their world says that it was taken over;
- of 500 refunds of 7 at once on a payment of 1000 exactly 142 have happened;
- each event of what is there has arrived at the receiver, at least once.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp

from tests.support.process import COMMAND, environment, unmeasured
from tests.support.receiver import Receiver
from tests.support.redis_server import running_redis
from tests.support.values import LONGEST_WAIT, documented_create

NODES: Final = 3
LATE: Final = 0.3
"""Wall seconds before the end of a node in which an answer may be lost: 0.1, and what it takes."""

BACK_WITHIN: Final = 5.0
ASLEEP: Final = 4.0
"""Wall seconds that a stopped node sleeps: longer than its lease."""

PATIENCE: Final = 3.0
"""Wall seconds that clients wait: a node that is stopped, not dead, keeps what was led to it."""

REFUNDS, EACH, OF = 500, 7, 1_000


@dataclass(slots=True)
class Node:
    """A node in a process of its own."""

    process: asyncio.subprocess.Process
    address: str


@dataclass(slots=True)
class Told:
    """What the client of a key was told: ids of payments with the time of the answer."""

    paid: dict[str, float] = field(default_factory=dict)
    failed: int = 0


class Run:
    """One cluster under load.

    Args:
        seed: draws who is asked, and who is killed.
        durability: of all nodes.
        keys: how many worlds there are.
    """

    def __init__(self, seed: int, durability: str, keys: int) -> None:
        self._draw = random.Random(seed)  # noqa: S311 - a story, no secret
        self._durability = durability
        self._told = {f"sk_test_w{number}": Told() for number in range(keys)}
        self._nodes: list[Node] = []
        self._is_over = False

    async def tell(self, how: str) -> dict[str, float]:
        """Let it happen; returns figures.

        Raises:
            AssertionError: something is not as clients were told.
        """
        with running_redis() as engine:
            async with contextlib.AsyncExitStack() as stack:
                self._receiver = Receiver()
                await self._receiver.open()
                stack.push_async_callback(self._receiver.close)
                self._http = await stack.enter_async_context(_client())
                starting = (stack.enter_async_context(self._node(engine.url)) for _ in range(NODES))
                self._nodes = list(await asyncio.gather(*starting))
                await asyncio.gather(*map(self._endpoint, self._told))
                return await self._under_load(how)

    async def _under_load(self, how: str) -> dict[str, float]:
        payment = await self._ask(
            "POST", "/v3/payments", "sk_test_w0", documented_create(amount=OF)
        )
        clients = [asyncio.create_task(self._pay(key)) for key in self._told]
        refunds = [
            asyncio.create_task(self._refund(f"/v3/payments/{payment['id']}/refunds"))
            for _ in range(REFUNDS)
        ]
        await _until(lambda: min(len(told.paid) for told in self._told.values()) >= 2)
        victim = self._draw.choice(self._nodes)
        ended_at = time.monotonic()
        os.kill(victim.process.pid, signal.SIGSTOP if how == "stop" else signal.SIGKILL)
        self._nodes.remove(victim)
        back = max(await asyncio.gather(*(self._back(key, ended_at) for key in self._told)))
        if how == "stop":
            await asyncio.sleep(max(0, ASLEEP - (time.monotonic() - ended_at)))  # noqa: TID251 - it sleeps
            os.kill(victim.process.pid, signal.SIGCONT)
            self._nodes.append(victim)
        refunded = sum(await asyncio.gather(*refunds))
        self._is_over = True
        await asyncio.gather(*clients)
        shown = await self._ask("GET", f"/_sandbox/payments/{payment['id']}", "sk_test_w0")
        assert shown["refunded"] == OF // EACH * EACH, shown
        assert refunded <= OF // EACH
        lost = [await self._hold(key, ended_at) for key in self._told]
        return {"back after s": back, "answers lost": sum(lost), "paid": self._paid()}

    async def _hold(self, key: str, ended_at: float) -> int:
        """Hold a world against what its client was told; how many of its answers are missing."""
        there: set[str] = set()
        cursor = ""
        while True:
            page = await self._ask("GET", f"/v3/payments?limit=100{cursor}", key)
            there |= {each["id"] for each in page["data"]}
            if not page["has_more"]:
                break
            cursor = f"&starting_after={page['next_cursor']}"
        missing = self._told[key].paid.keys() - there
        if missing:
            assert self._durability == "relaxed", f"{key}: {missing} were answered, and are lost"
            world = await self._ask("GET", "/_sandbox/world", key)
            assert "was lost" in (world["restarted"] or ""), f"{key} does not say what it lost"
            for each in missing:
                before = ended_at - self._told[key].paid[each]
                assert before < LATE, f"{key}: {each} was answered {before} s before, and is lost"
        await _until(lambda: there <= self._arrived(), f"webhooks of {key}")
        return len(missing)

    def _arrived(self) -> set[str]:
        return {hit.json["data"]["payment_id"] for hit in self._receiver.hits}

    def _paid(self) -> int:
        return sum(len(told.paid) for told in self._told.values())

    # Clients

    async def _endpoint(self, key: str) -> None:
        await self._ask("POST", "/_sandbox/webhook_endpoints", key, {"url": self._receiver.url})

    async def _pay(self, key: str) -> None:
        told = self._told[key]
        while not self._is_over:
            try:
                paid = await self._once("POST", "/v3/payments", key, documented_create())
                told.paid[paid["id"]] = time.monotonic()
            except _TROUBLE:
                told.failed += 1
            await asyncio.sleep(self._draw.random() / 10)  # noqa: TID251 - the load is bounded

    async def _refund(self, path: str) -> bool:
        try:
            await self._once("POST", path, "sk_test_w0", {"amount": EACH})
        except _TROUBLE:
            return False
        return True

    async def _back(self, key: str, since: float) -> float:
        """Wall seconds until a world answers again."""
        await self._ask("GET", "/v3/payments?limit=1", key)
        return time.monotonic() - since

    async def _ask(self, method: str, path: str, key: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """Ask until there is an answer; only what may be asked twice."""
        async with asyncio.timeout(LONGEST_WAIT):
            while True:
                with contextlib.suppress(*_TROUBLE):
                    return await self._once(method, path, key, body)
                await asyncio.sleep(0.05)  # noqa: TID251 - as a client that tries again

    async def _once(self, method: str, path: str, key: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        url = self._draw.choice(self._nodes).address + path
        headers = {"Authorization": f"Bearer {key}"}
        async with self._http.request(method, url, json=body, headers=headers) as reply:
            raw = await reply.read()
            if reply.status not in (200, 201):
                raise _Failed(f"{reply.status} {raw!r}")
            return json.loads(raw)

    @contextlib.asynccontextmanager
    async def _node(self, url: str) -> AsyncIterator[Node]:
        with tempfile.TemporaryDirectory() as folder:
            ready = Path(folder) / "ready.json"
            options = ("--port", "0", "--rate-limit", "1000000000", "--ready-file", str(ready))
            process = await asyncio.create_subprocess_exec(
                *COMMAND, "serve", "--cluster", url, "--durability", self._durability, *options,
                env=unmeasured(environment()), stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            try:
                await _until(ready.exists, "a node")
                facts = json.loads(ready.read_text(encoding="utf-8"))
                yield Node(process, str(facts["base_url"]).removesuffix("/v3"))
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()


class _Failed(Exception):
    """An answer that is none."""


_TROUBLE: Final = (aiohttp.ClientError, TimeoutError, _Failed)
"""What may come of a request while a node is lost."""


def _client() -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(force_close=True, limit=100)
    timeout = aiohttp.ClientTimeout(PATIENCE)
    return aiohttp.ClientSession(connector=connector, timeout=timeout)


async def _until(holds: Any, what: str = "it") -> None:  # noqa: ANN401 - a question
    deadline = time.monotonic() + LONGEST_WAIT
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not come"
        await asyncio.sleep(0.02)  # noqa: TID251 - it looks again


def main() -> int:
    """Tell so many stories; 1 where one of them goes wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--keys", type=int, default=200)
    chosen = parser.parse_args()
    for seed in range(chosen.first, chosen.first + chosen.seeds):
        durability = ("reply", "relaxed")[seed % 2]
        how = ("kill", "kill", "stop")[seed % 3]
        try:
            figures = asyncio.run(Run(seed, durability, chosen.keys).tell(how))
            # What was led to a node that is stopped waits with it, until its client gives up.
            assert how == "stop" or figures["back after s"] <= BACK_WITHIN, figures
        except AssertionError as error:
            print(f"seed {seed}, {how}, {durability}: {error}")
            return 1
        shown = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
        print(f"seed {seed}, {how}, {durability}: {shown}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
