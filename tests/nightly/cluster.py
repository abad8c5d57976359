"""Kills, stops and replaces nodes of a cluster under load; no answered call may be lost.

`python -m tests.nightly.cluster --seeds 50`: each seed starts an engine and three nodes as
processes, pays and refunds in many worlds at all nodes, and then
- `kill`: ends one node with SIGKILL;
- `stop`: stops one node after the other for longer than its lease, and lets it continue. Each
  world that a stopped node owned is a try: another node owns it by then, and what the stopped
  node still tries to write is refused;
- `roll`: replaces one node after the other, as a rolling update does. No request may fail.

Then every world must answer, and:
- with `--durability reply` every payment and refund that was answered 201 exists; with `relaxed`
  a missing one was answered shortly before the end of a node, and its world says that changes
  were lost;
- of 500 simultaneous refunds of 7 on a payment of 1000 exactly 142 have happened;
- each event of what exists has arrived at the receiver at least once.
"""

import argparse
import asyncio
import contextlib
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

import aiohttp
from redis.asyncio import Redis

from payments_sandbox.cluster.redis_engine import PREFIX
from payments_sandbox.server.slices import pause
from tests.support.nodes import text_of
from tests.support.process import COMMAND, environment
from tests.support.receiver import Receiver
from tests.support.redis_server import running_redis
from tests.support.values import LONGEST_WAIT, documented_create

NODES: Final = 3
LATE: Final = 0.3
"""Wall seconds before the end of a node in which an answer may be lost: 0.1, and a reserve."""

ON_ITS_WAY: Final = 0.1
"""Wall seconds in which a client reads an answer that its node had sent before it ended."""

BACK_WITHIN: Final = 5.0
"""Wall seconds after which every world of a killed node answers again."""

ASLEEP: Final = 10.0
"""Wall seconds for which a node is stopped: longer than its lease."""

PATIENCE: Final = 3.0
"""Wall seconds that clients wait, because a stopped node keeps the requests forwarded to it."""

PROBE_EVERY: Final = 0.2
PAUSE: Final = 0.5
"""Mean wall seconds between two calls of a client: the load of two cores, and no more."""

REFUNDED: Final = 0.25
"""The share of calls that are refunds."""

MANY: Final = 2
"""How many payments each world has before anything happens to a node."""

FAILED: Final = 500
KEY: Final = "sk_test_w0"
REFUNDS, EACH, OF = 500, 7, 1_000
HOWS: Final = ("kill", "stop", "roll")
TOO_LATE: Final = "came too late and were rejected"
"""What a node logs when it tried to write a world that another node owned."""


@dataclass(slots=True)
class Node:
    """A node in its own process."""

    process: asyncio.subprocess.Process
    address: str
    name: str
    log: Path


@dataclass(slots=True)
class Told:
    """The answers that the client of a key got.

    Attributes:
        paid: ids of payments, with the time of the answer.
        refunded: times of the answers to refunds of 1 of its first payment.
        unknown: how many refunds may have happened.
        failures: what came instead of an answer.
    """

    paid: dict[str, float] = field(default_factory=dict)
    refunded: list[float] = field(default_factory=list)
    unknown: int = 0
    failures: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Figures:
    """The figures of a story.

    Attributes:
        back: wall seconds from the end of a node until each of its worlds has answered again.
        tries: worlds whose owner was stopped.
        late: how many writes of an owner came too late.
        lost: how many answered payments and refunds are missing.
        answers: how many answers all clients got.
    """

    back: list[float] = field(default_factory=list)
    tries: int = 0
    late: int = 0
    lost: int = 0
    answers: int = 0

    def __str__(self) -> str:
        back = f"back after {max(self.back):.2f} s at most, " if self.back else ""
        stopped = f"{self.tries} tries with {self.late} late writes, " if self.tries else ""
        return f"{back}{stopped}{self.lost} of {self.answers} answers lost"


class Run:
    """One cluster under load.

    Args:
        seed: draws which node gets each call, and which is killed.
        durability: the durability of all nodes.
        keys: how many worlds there are.
        asleep: for how many seconds a node is stopped.
        rest: the mean seconds between two calls of a client.

    Attributes:
        figures: the figures of the run.
    """

    def __init__(
        self, seed: int, durability: str, keys: int, *, asleep: float = ASLEEP, rest: float = PAUSE
    ) -> None:
        self._draw = random.Random(seed)  # noqa: S311 - a story, no secret
        self._durability = durability
        self._asleep = asleep
        self._rest = rest
        self._told = {f"sk_test_w{number}": Told() for number in range(keys)}
        self._nodes: list[Node] = []
        self._open: list[Node] = []
        self._ends: list[float] = []
        self._first: dict[str, str] = {}
        self._is_back: dict[str, float] = {}
        self._is_over = False
        self.figures = Figures()

    async def tell(self, how: str, *, times: int = 1) -> Figures:
        """Run the story; `times` is how many nodes are stopped, one after the other.

        Raises:
            AssertionError: something differs from what clients were told.
        """
        with running_redis() as engine:
            async with contextlib.AsyncExitStack() as stack:
                self._engine = Redis.from_url(engine.url)
                stack.push_async_callback(self._engine.aclose)
                self._receiver = Receiver()
                await self._receiver.open()
                stack.push_async_callback(self._receiver.close)
                patience = PATIENCE if how == "stop" else LONGEST_WAIT
                anew, keeping = _client(patience, keeps=False), _client(patience, keeps=True)
                self._http = await stack.enter_async_context(anew)
                self._keeping = await stack.enter_async_context(keeping)
                self._start = partial(self._started, stack, engine.url)
                self._nodes = list(await asyncio.gather(*(self._start() for _ in range(NODES))))
                self._open = list(self._nodes)
                await asyncio.gather(*map(self._begin, self._told))
                await self._under_load(how, times)
        return self.figures

    async def _under_load(self, how: str, times: int) -> None:
        payment = await self._ask("POST", "/v3/payments", KEY, documented_create(amount=OF))
        path = f"/v3/payments/{payment['id']}/refunds"
        refunds = [asyncio.create_task(self._refund(path)) for _ in range(REFUNDS)]
        clients = [asyncio.create_task(self._be_client(key)) for key in self._told]
        try:
            await self._let_happen(how, times)
            refunded = sum(await asyncio.gather(*refunds))
        finally:
            self._is_over = True
            await asyncio.gather(*clients)
        shown = await self._ask("GET", f"/_sandbox/payments/{payment['id']}", KEY)
        assert shown["refunded"] == OF // EACH * EACH, shown
        assert refunded <= OF // EACH
        for key, told in self._told.items():
            assert how != "roll" or not told.failures, f"{key}: {told.failures}"
            self.figures.lost += await self._hold(key)
            self.figures.answers += len(told.paid) + len(told.refunded)
        logs = "".join(node.log.read_text(encoding="utf-8") for node in self._nodes)
        self.figures.late = logs.count(TOO_LATE)

    # What happens to nodes

    async def _let_happen(self, how: str, times: int) -> None:
        await _until(lambda: min(len(told.paid) for told in self._told.values()) >= MANY)
        if how == "kill":
            await self._kill()
        elif how == "roll":
            await self._roll()
        for _ in range(times if how == "stop" else 0):
            await self._stop()

    async def _kill(self) -> None:
        """End a node, and wait until all its worlds have answered."""
        victim = self._draw.choice(self._open)
        owned = await self._owned(victim)
        self._open.remove(victim)
        self._ends.append(time.monotonic())
        victim.process.kill()
        self.figures.back += await asyncio.gather(*map(self._back, owned))

    async def _stop(self) -> None:
        """Stop a node until other nodes own its worlds, and let it continue."""
        victim = self._draw.choice(self._open)
        owned = await self._owned(victim)
        self._open.remove(victim)
        self._ends.append(time.monotonic())
        victim.process.send_signal(signal.SIGSTOP)
        self.figures.tries += len(owned)
        self.figures.back += await asyncio.gather(*map(self._back, owned))
        awake = self._ends[-1] + self._asleep
        await pause(max(0, awake - time.monotonic()))
        victim.process.send_signal(signal.SIGCONT)
        await self._until_ready(victim)
        self._open.append(victim)

    async def _roll(self) -> None:
        """Replace one node after the other; clients use only the nodes that are ready."""
        balancing = asyncio.create_task(self._balance())
        for older in list(self._nodes):
            newer = await self._start()
            self._nodes.append(newer)
            await self._until_ready(newer)
            older.process.terminate()
            assert await older.process.wait() == 0, older.log.read_text(encoding="utf-8")
        balancing.cancel()

    async def _balance(self) -> None:
        while True:
            ready = await asyncio.gather(*map(self._is_ready, self._nodes))
            self._open = [node for node, yes in zip(list(self._nodes), ready, strict=False) if yes]
            await pause(PROBE_EVERY)

    async def _is_ready(self, node: Node) -> bool:
        try:
            async with self._http.get(f"{node.address}/_sandbox/ready") as reply:
                return reply.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def _until_ready(self, node: Node) -> None:
        deadline = time.monotonic() + LONGEST_WAIT
        while not await self._is_ready(node):
            assert time.monotonic() < deadline, f"{node.address} is not ready"
            await pause(0.05)

    async def _owned(self, node: Node) -> list[str]:
        """The keys that a node owns."""
        asking = self._engine.pipeline(transaction=False)
        for key in self._told:
            asking.execute_command("HGET", f"{PREFIX}world:{key}", "node")
        owners = await asking.execute()
        return [
            key
            for key, owner in zip(self._told, owners, strict=True)
            if owner == node.name.encode()
        ]

    async def _back(self, key: str) -> float:
        """Return the wall seconds from the last end of a node until a world answers again."""
        self._is_back.pop(key, None)
        await self._ask("GET", "/v3/payments?limit=1", key)
        return self._is_back[key] - self._ends[-1]

    # What is left

    async def _hold(self, key: str) -> int:
        """Compare a world with its client's answers; return how many are missing."""
        told, there, cursor = self._told[key], set[str](), ""
        while True:
            page = await self._ask("GET", f"/v3/payments?limit=100{cursor}", key)
            there |= {each["id"] for each in page["data"]}
            if not page["has_more"]:
                break
            cursor = f"&starting_after={page['next_cursor']}"
        shown = await self._ask("GET", f"/_sandbox/payments/{self._first[key]}", key)
        assert shown["refunded"] <= len(told.refunded) + told.unknown, f"{key}: {shown}"
        fewer = max(0, len(told.refunded) - shown["refunded"])
        missing = [told.paid[each] for each in told.paid.keys() - there]
        missing += sorted(told.refunded, key=self._before_an_end)[:fewer]
        if missing:
            assert self._durability == "relaxed", f"{key}: {len(missing)} answers are lost"
            world = await self._ask("GET", "/_sandbox/world", key)
            assert "was lost" in (world["restarted"] or ""), f"{key} does not say what it lost"
            before = max(map(self._before_an_end, missing))
            assert before < LATE, f"{key}: what was answered {before:.3f} s before is lost"
        await _until(lambda: there <= self._arrived(), f"webhooks of {key}")
        return len(missing)

    def _before_an_end(self, answered_at: float) -> float:
        """How many seconds before the next end of a node an answer came."""
        befores = (end - answered_at for end in self._ends)
        return min((each for each in befores if each > -ON_ITS_WAY), default=1e9)

    def _arrived(self) -> set[str]:
        return {hit.json["data"]["payment_id"] for hit in self._receiver.hits}

    # Clients

    async def _begin(self, key: str) -> None:
        await self._ask("POST", "/_sandbox/webhook_endpoints", key, {"url": self._receiver.url})
        paid = await self._ask("POST", "/v3/payments", key, documented_create(amount=10**6))
        self._first[key] = paid["id"]

    async def _be_client(self, key: str) -> None:
        """Pay and refund, one after the other, until the run is over."""
        told = self._told[key]
        while not self._is_over:
            is_refund = self._draw.random() < REFUNDED
            path = f"/v3/payments/{self._first[key]}/refunds" if is_refund else "/v3/payments"
            body = {"amount": 1} if is_refund else documented_create()
            try:
                answer = await self._once("POST", path, key, body)
            except _TROUBLE as error:
                told.failures.append(repr(error))
                told.unknown += is_refund
            else:
                if is_refund:
                    told.refunded.append(time.monotonic())
                else:
                    told.paid[answer["id"]] = time.monotonic()
            await pause(2 * self._draw.random() * self._rest)

    async def _refund(self, path: str) -> bool:
        try:
            await self._once("POST", path, KEY, {"amount": EACH})
        except _TROUBLE:
            return False
        return True

    async def _ask(self, method: str, path: str, key: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """Ask until there is an answer; only for requests that may be repeated.

        Raises:
            AssertionError: there is none.
        """
        deadline, troubles = time.monotonic() + LONGEST_WAIT, Counter[str]()
        while time.monotonic() < deadline:
            try:
                return await self._once(method, path, key, body)
            except _TROUBLE as error:
                troubles[repr(error)] += 1
            await pause(0.05)
        raise AssertionError(f"{key}: {method} {path} is not answered: {troubles}")

    async def _once(self, method: str, path: str, key: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        node = self._draw.choice(self._open)
        url = node.address + path
        headers = {"Authorization": f"Bearer {key}"}
        http = self._keeping if key[-1] in "13579" else self._http
        async with http.request(method, url, json=body, headers=headers) as reply:
            raw = await reply.read()
            if reply.status < FAILED:
                self._is_back.setdefault(key, time.monotonic())
            if reply.status not in (200, 201):
                raise _Failed(f"{reply.status} {raw!r}")
            return json.loads(raw)

    async def _started(self, stack: contextlib.AsyncExitStack, url: str) -> Node:
        return await stack.enter_async_context(self._node(url))

    @contextlib.asynccontextmanager
    async def _node(self, url: str) -> AsyncIterator[Node]:
        with tempfile.TemporaryDirectory() as name:
            ready, log = Path(name) / "ready.json", Path(name) / "log"
            options = ("--port", "0", "--rate-limit", "1000000000", "--ready-file", str(ready))
            with log.open("wb") as written:
                process = await asyncio.create_subprocess_exec(
                    *COMMAND, "serve", "--cluster", url, "--durability", self._durability,
                    *options, env=environment(), stdout=asyncio.subprocess.DEVNULL,
                    stderr=written,
                )  # fmt: skip
            try:
                await _until(ready.exists, "a node")
                facts = json.loads(ready.read_text(encoding="utf-8"))
                address = str(facts["base_url"]).removesuffix("/v3")
                yield Node(process, address, await self._name_at(address), log)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

    async def _name_at(self, address: str) -> str:
        """The name by which other nodes call the node at an address."""
        members = await self._engine.hgetall(f"{PREFIX}members")
        port = int(address.rpartition(":")[2])
        names = (name for name, said in members.items() if json.loads(said)[2] == port)
        return text_of(next(names))


class _Failed(Exception):
    """Raised for a reply that is no real answer."""


_TROUBLE: Final = (aiohttp.ClientError, TimeoutError, _Failed)
"""The errors that a request may have while a node is lost."""


def _client(patience: float, *, keeps: bool) -> aiohttp.ClientSession:
    """A client that makes a new connection for each request, or keeps its connections."""
    connector = aiohttp.TCPConnector(force_close=not keeps, limit=0)
    timeout = aiohttp.ClientTimeout(patience)
    return aiohttp.ClientSession(connector=connector, timeout=timeout)


async def _until(holds: Callable[[], object], what: str = "it") -> None:
    deadline = time.monotonic() + LONGEST_WAIT
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not come"
        await pause(0.02)


def main() -> int:
    """Run the stories that the arguments ask for; 1 if one of them fails."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--keys", type=int, default=200)
    parser.add_argument(
        "--rest", type=float, default=PAUSE, help="seconds between calls of a client"
    )
    parser.add_argument("--how", choices=HOWS, help="one kind of story alone")
    parser.add_argument("--times", type=int, default=5, help="how many nodes a story stops")
    chosen = parser.parse_args()
    told: list[Figures] = []
    failed = 0
    for seed in range(chosen.first, chosen.first + chosen.seeds):
        how = chosen.how or HOWS[seed % len(HOWS)]
        durability = ("reply", "relaxed")[seed // len(HOWS) % 2]
        story = Run(seed, durability, chosen.keys, rest=chosen.rest)
        try:
            figures = asyncio.run(story.tell(how, times=chosen.times))
            # A request at a stopped node waits with the node, until its client gives up.
            assert how != "kill" or max(figures.back) <= BACK_WITHIN, f"too late: {figures}"
        except AssertionError as error:
            print(f"seed {seed}, {how}, {durability}, FAILED: {error}", flush=True)
            failed += 1
        else:
            print(f"seed {seed}, {how}, {durability}: {figures}", flush=True)
        if how == "kill":
            told.append(story.figures)
    if len(back := [seconds for each in told for seconds in each.back]) > 1:
        hundredths = quantiles(back, n=100)
        shown = ", ".join(f"{place} % {hundredths[place - 1]:.2f} s" for place in (50, 90, 99))
        print(f"{len(back)} worlds of {len(told)} nodes that were killed were back after: {shown}")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
