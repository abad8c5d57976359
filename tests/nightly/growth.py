"""Owns the check that memory and file descriptors of a server do not grow with its calls.

`python -m tests.nightly.growth --calls 1000000` makes a million calls over real sockets to a server
in this process. After a tenth of the calls and at the end, it empties all worlds and measures
memory and file descriptors. What has grown in between is never released.
"""

import argparse
import gc
import json
import resource
import socket
import sys
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from payments_sandbox.testing.running_server import running_sandbox
from tests.nightly.stories import CARDS

CLIENTS: Final = 8
WORLDS: Final = 20
EMPTIED_EVERY: Final = 4_000
"""The number of calls after which the worlds are emptied and a client connects again."""

MOST_GROWTH: Final = 8 << 20
"""The bytes by which memory may grow, because a heap is never quite as it was."""


class Needs(NamedTuple):
    """The memory and the file descriptors of the process."""

    memory: int
    descriptors: int


class Client:
    """A client with one request at a time, which connects again after a failure."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self.connect()

    def connect(self) -> None:
        """Open a connection."""
        self._socket = socket.create_connection(self._address, timeout=60)
        self._stream = self._socket.makefile("rb")

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()
        self._socket.close()

    def send(self, raw: bytes) -> None:
        """Send a request."""
        self._socket.sendall(raw)

    def read(self) -> bytes:
        """Read the body of the reply; without a reply return nothing and connect again."""
        try:
            first = self._stream.readline()
            headers = dict(self._headers())
            body = self._stream.read(int(headers.get(b"content-length", b"0")))
            is_over = not first or headers.get(b"connection") == b"close"
        except ConnectionError:
            is_over, body = True, b""
        if is_over:
            self.close()
            self.connect()
        return body

    def _headers(self) -> Iterator[tuple[bytes, bytes]]:
        while (line := self._stream.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            yield name.lower(), value.strip()


def request(key: str, method: str, path: str, body: object = None) -> bytes:
    """The bytes of a request."""
    raw = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
    if raw:
        head += f"Content-Type: application/json\r\nContent-Length: {len(raw)}\r\n"
    return f"{head}\r\n".encode() + raw


def payment(card: str) -> dict[str, object]:
    """The body of a payment."""
    method = {"type": "card", "card_number": CARDS[card], "exp_month": 12, "exp_year": 2099}
    body: dict[str, object] = {"amount": 500, "currency": "USD", "customer_id": "cust_ada"}
    return body | {"payment_method": {**method, "cvc": "123"}}


def traffic() -> Iterator[bytes]:
    """Endless requests: payments and reads in many worlds, with some mistakes and faults."""
    cards = ("visa", "completes", "declined", "chargeback", "reset_after_commit", "fails_twice")
    for number in cycle(range(WORLDS * len(cards))):
        key, card = f"sk_test_growth_{number % WORLDS}", cards[number % len(cards)]
        yield request(key, "POST", "/v3/payments", payment(card))
        yield request(key, "GET", "/v3/payments?limit=5")
        yield request(key, "GET", f"/v3/payments/pay_none{number}")
        yield request(key, "POST", "/v3/payments", {"amount": -1})
        yield request("nobody", "GET", "/v3/payments")
        yield request(key, "GET", f"/_sandbox/requests?limit={1 + number % 5}")
        yield request(key, "POST", "/_sandbox/clock/advance", {"by": "2h"})
        yield request(key, "POST", "/_sandbox/inbox/growth", {"type": "by.hand"})


def make_calls(clients: list[Client], calls: int, requests: Iterator[bytes]) -> None:
    """Make a number of calls, one at a time per client, and empty the worlds regularly."""
    for made in range(0, calls, len(clients)):
        for each in clients:
            each.send(next(requests))
        for each in clients:
            each.read()
        if made % EMPTIED_EVERY < len(clients):
            empty_worlds(clients[0])
            clients[0].close()
            clients[0].connect()
            clients.append(clients.pop(0))


def empty_worlds(client: Client) -> None:
    """Drop half of the worlds, and reset the others and give them an endpoint."""
    for number in range(WORLDS):
        key = f"sk_test_growth_{number}"
        drops = number % 2 == 0
        asked = ("DELETE", "/_sandbox/world") if drops else ("POST", "/_sandbox/world/reset")
        client.send(request(key, *asked))
        client.read()
        client.send(request(key, "POST", "/_sandbox/webhook_endpoints", {"url": "inbox:growth"}))
        client.read()


def needs() -> Needs:
    """The memory and the file descriptors of this process now."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    return Needs(pages * resource.getpagesize(), descriptors)


def measured(calls: int) -> tuple[Needs, Needs]:
    """The needs after a tenth of the calls, and at the end."""
    with running_sandbox(rate_limit=1_000_000, clock="2030-01-15T12:00:00Z") as sandbox:
        target = urlsplit(sandbox.url)
        address = str(target.hostname), int(target.port or 0)
        clients = [Client(address) for _ in range(CLIENTS)]
        requests = traffic()
        found = []
        for share in (calls // 10, calls - calls // 10):
            make_calls(clients, share, requests)
            empty_worlds(clients[0])
            found.append(needs())
        for each in clients:
            each.close()
    before, after = found
    return before, after


def main() -> int:
    """Measure and print the growth; 1 if it is too much."""
    parser = argparse.ArgumentParser(prog="python -m tests.nightly.growth", description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000, metavar="N")
    before, after = measured(parser.parse_args().calls)
    grown = after.memory - before.memory
    print(f"memory: {before.memory >> 10} KiB, then {after.memory >> 10} KiB")
    print(f"descriptors: {before.descriptors}, then {after.descriptors}")
    return int(grown > MOST_GROWTH or after.descriptors > before.descriptors)


if __name__ == "__main__":
    sys.exit(main())
