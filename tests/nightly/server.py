"""Owns the server of the simulation, which takes requests and can end as a process would.

It has everything except the socket (`DirectServer`), and its clock stands still. Its receivers
answer as `answer_of` says, and the model uses that function too.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from zlib import crc32

from payments_sandbox.core.settings import settings_from
from payments_sandbox.core.slices import finish
from payments_sandbox.testing.direct_connection import DirectConnection, Ending, make_request
from payments_sandbox.testing.direct_server import DirectServer
from payments_sandbox.webhooks.delivery import AttemptResult, ReceiverResponse, why_failed
from payments_sandbox.world.state_file import read_lines, writing
from payments_sandbox.world.world import World

NOON: Final = int(datetime(2030, 1, 15, 12, tzinfo=UTC).timestamp())
CONTROL: Final = "/_sandbox"
GONE: Final = 410
KEY: Final = "sk_test_sandbox"


def show(seconds: int) -> str:
    """A time as the API writes it."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def answer_of(seed: int, endpoint: int, now: int, type_: str, amount: int) -> int:
    """The status that a receiver answers; 0 if it does not answer."""
    if crc32(f"{seed} {endpoint} {now}".encode()) % 1_000 < 6:
        return GONE
    draw = crc32(f"{seed} {endpoint} {now} {type_} {amount}".encode()) % 100
    return 200 if draw < 65 else (500, 0, 302, 429)[draw % 4]


class Killed(BaseException):
    """Raised when the process ends while a webhook is in flight."""


class Reply(NamedTuple):
    """The bytes of a reply, and what happened to the connection."""

    raw: bytes
    ending: Ending | None

    @property
    def status(self) -> int:
        """Its status; 0 if it has none."""
        return int(self.raw[9:12] or b"0")

    @property
    def body(self) -> bytes:
        """Its body."""
        return self.raw.partition(b"\r\n\r\n")[2]

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        """Its JSON."""
        return json.loads(self.body)

    def header(self, name: bytes) -> bytes:
        """A header's value; empty if the header is missing."""
        return self.raw.partition(b"\r\n" + name + b": ")[2].partition(b"\r\n")[0]


class Receivers:
    """Answers webhooks, and keeps what it received.

    Attributes:
        got: endpoint, time and event of each.
        last_words: called while the next webhook is in flight; then the process ends.
    """

    def __init__(self, seed: int, world_time: Callable[[], int]) -> None:
        self._seed = seed
        self._world_time = world_time
        self.got: list[tuple[int, int, dict[str, Any]]] = []
        self.last_words: Callable[[], None] | None = None

    async def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> AttemptResult:
        """Answer."""
        del timeout_ms
        if self.last_words is not None:
            self.last_words()
            raise Killed
        event, endpoint, now = json.loads(body), int(url.rpartition("/")[2]), self._world_time()
        self.got.append((endpoint, now, event))
        status = answer_of(self._seed, endpoint, now, event["type"], event["data"]["amount"])
        if not status:
            return AttemptResult(headers, None, "refused", 1.0)
        asks = {"Retry-After": "3600"} if status == 429 else {}
        response = ReceiverResponse(status, asks, "", asks.get("Retry-After"))
        return AttemptResult(headers, response, why_failed(response), 1.0)

    async def close(self) -> None:
        """Do nothing, because nothing is open."""


class Server:
    """One server, which behaves as if it had its own process."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.start()

    def start(self, lines: Sequence[bytes] = ()) -> None:
        """Start again, with the lines of a state file if there are any."""
        self.receivers = Receivers(self._seed, self._world_time)
        settings = settings_from({"seed": self._seed, "clock": show(NOON)})
        self._direct = DirectServer(settings, lambda _: self.receivers)
        runtime = self._direct.sandbox.runtime
        for kept in read_lines(lines) if lines else ():
            runtime.worlds.put(finish(kept.restoring(runtime.worlds.context)))
        runtime.start()

    def lines(self) -> list[bytes]:
        """The lines of a state file that is written now.

        Raises:
            Exception: a world could not be saved.
        """

        def refuse(_: World, error: Exception) -> None:
            raise error

        written = finish(writing(self._direct.sandbox.runtime.worlds, refuse))
        return b"".join(written).splitlines()

    def ask(self, method: str, path: str, body: object = None, key: str = KEY) -> Reply:
        """Make a request; a body of bytes is sent as it is."""
        raw = b""
        headers = [(b"Host", b"127.0.0.1"), (b"Authorization", f"Bearer {key}".encode())]
        if body is not None:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            headers.append((b"Content-Type", b"application/json"))
            headers.append((b"Content-Length", str(len(raw)).encode()))
        connection = DirectConnection()
        self._direct.serve(connection, make_request(connection, method, path, headers, raw))
        return Reply(b"".join(connection.chunks), connection.ending)

    def all(self, noun: str) -> list[dict[str, Any]]:
        """All items of a list of the control API, the oldest first."""
        found: list[dict[str, Any]] = []
        page: dict[str, Any] = {"has_more": True}
        query = "limit=1000"
        while page["has_more"]:
            page = self.ask("GET", f"{CONTROL}/{noun}?{query}").json
            found += page["data"]
            query = f"limit=1000&starting_after={page['next_cursor']}"
        return found[::-1]

    def _world_time(self) -> int:
        """The time of the world, which stands still."""
        return self._direct.sandbox.runtime.worlds.get_or_create(KEY).clock.now() // 1_000
