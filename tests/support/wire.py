"""Owns a client that sends bytes: what no well-behaved HTTP library would let a test send."""

import json
import select
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

WHAT_IS_HTTP = b"""\
This is no HTTP request, or its body is not framed as its head says.
The sandbox speaks HTTP/1.1 and 1.0 without TLS. A head has one Host, at most 128 lines, and at most
8190 bytes in each; a body has one Content-Length, or comes in chunks.
"""
"""What the refusal of something else says."""

PATIENCE = 10
"""Seconds after which a silent server counts as hanging."""


@dataclass(frozen=True, slots=True)
class WireReply:
    """One reply as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        """The body's JSON value."""
        assert self.headers["content-type"] == "application/json"
        return json.loads(self.body)

    @property
    def closes(self) -> bool:
        """Whether the server says that this was the connection's last reply."""
        return self.headers.get("connection") == "close"

    @property
    def is_the_transports(self) -> bool:
        """Whether it is the refusal of what is not HTTP, which tells nothing of what came."""
        return (self.status, self.body) == (400, WHAT_IS_HTTP) and {**self.headers, "date": ""} == {
            "content-type": "text/plain; charset=utf-8",
            "content-length": str(len(WHAT_IS_HTTP)),
            "server": "payments-sandbox",
            "date": "",
            "connection": "close",
        }


class Wire:
    """One connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._stream = connection.makefile("rb")

    def send(self, raw: bytes) -> None:
        """Send bytes as they are."""
        self._connection.sendall(raw)

    def reply(self, *, to_head: bool = False) -> WireReply:
        """Read the next reply; an interim one counts, and one to HEAD has no body."""
        first = self._stream.readline()
        assert first.startswith(b"HTTP/"), f"no reply but {first!r}"
        headers = dict(self._headers())
        size = 0 if to_head else int(headers.get("content-length", "0"))
        body = self._stream.read(size)
        return WireReply(int(first.split()[1]), headers, body)

    def is_silent_for(self, seconds: float) -> bool:
        """Whether no byte comes for so long."""
        readable, _, _ = select.select([self._connection], [], [], seconds)
        return not readable

    def ends(self) -> bool:
        """Wait until the server closes, and say whether it did so without another byte."""
        return self._stream.read(1) == b""

    def rest(self) -> tuple[bytes, bool]:
        """All that comes until the server closes, and whether that was with an RST."""
        came = b""
        try:
            while more := self._connection.recv(65_536):
                came += more
        except ConnectionResetError:
            return came, True
        return came, False

    def finish(self) -> None:
        """Close the sending side: nothing more comes from here."""
        self._connection.shutdown(socket.SHUT_WR)

    def leave(self) -> None:
        """Close the connection, whatever is under way."""
        self._stream.close()
        self._connection.close()

    def _headers(self) -> Iterator[tuple[str, str]]:
        while (line := self._stream.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            yield name.lower(), value.strip()


@contextmanager
def connected(address: str) -> Iterator[Wire]:
    """A connection to an address such as `http://127.0.0.1:8080`."""
    target = urlsplit(address)
    with socket.create_connection((target.hostname, target.port), timeout=PATIENCE) as connection:
        wire = Wire(connection)
        try:
            yield wire
        finally:
            wire.leave()


def exchange(address: str, raw: bytes) -> WireReply:
    """Send bytes on a connection of their own and read one reply."""
    with connected(address) as wire:
        wire.send(raw)
        return wire.reply(to_head=raw.startswith(b"HEAD "))


def request(
    method: str,
    target: str,
    headers: Mapping[str, str | None] | None = None,
    body: bytes | None = None,
) -> bytes:
    """A well-framed request with our key; a header of None is left out, others replace ours."""
    lines: dict[str, str | None] = {
        "Host": "127.0.0.1",
        "Authorization": "Bearer sk_test_sandbox",
    }
    if body is not None:
        lines |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    lines |= headers or {}
    head = [f"{method} {target} HTTP/1.1"]
    head += [f"{name}: {value}" for name, value in lines.items() if value is not None]
    text = "\r\n".join(head).encode("utf-8", "surrogateescape")
    return text + b"\r\n\r\n" + (body or b"")
