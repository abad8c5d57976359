"""Owns what a wire fault works with: the exchange that it ends, and the bytes that it sends."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, NamedTuple

from aiohttp import web
from aiohttp.helpers import rfc822_formatted_time

from payments_sandbox.rules.wire_faults import BODILESS
from payments_sandbox.server.delayed_replies import DelayedReplies
from payments_sandbox.server.faults.kit import AlreadySent
from payments_sandbox.world.journal import Entry
from payments_sandbox.world.world import World


class Message(NamedTuple):
    """A reply as it goes out; `headers` need not say Content-Length and Date."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request, read to its end, and all that a fault may need in place of the reply.

    Attributes:
        real: the reply that the client would have had.
        entry: the record of the request; its number is the request's.
        most: wall seconds that a fault may take.
    """

    request: web.BaseRequest
    real: Message
    entry: Entry
    world: World
    delayed_replies: DelayedReplies
    most: float

    async def wait(self, seconds: float) -> bool:
        """Wait; False when the client left or the world was reset or dropped meanwhile."""
        return await self.delayed_replies.sleep(self.request, self.world, seconds)

    def put(self, data: bytes) -> AlreadySent:
        """Send bytes as they are, and end the connection with a FIN."""
        if (transport := self.request.transport) is not None:
            transport.write(data)
        return AlreadySent()

    def send(self, message: Message) -> AlreadySent:
        """Send a message, which says that it is the last, and end the connection with it."""
        headers = {**message.headers}
        if "connection" not in _lower(headers):
            headers["Connection"] = "close"
        whole = self.framed(message._replace(headers=headers))
        self.note(whole)
        return self.put(self.head(whole) + whole.body)

    def framed(self, message: Message) -> Message:
        """The message with its length, unless it says another, and as much body as HTTP allows."""
        headers, body = {**message.headers}, message.body
        is_framed = not {"content-length", "transfer-encoding"}.isdisjoint(_lower(headers))
        if not is_framed and message.status not in BODILESS:
            headers["Content-Length"] = str(len(body))
        return Message(message.status, headers, b"" if self.request.method == "HEAD" else body)

    def head(self, message: Message) -> bytes:
        """The status line and the header lines, up to the empty one that ends them."""
        version = self.request.version
        first = f"HTTP/{version.major}.{version.minor} {message.status} "
        lines = [first + _PHRASES.get(message.status, "")]
        lines += [f"{name}: {value}" for name, value in message.headers.items()]
        if "date" not in _lower(message.headers):
            lines.append(f"Date: {rfc822_formatted_time()}")
        return "\r\n".join([*lines, "", ""]).encode()

    def note(self, message: Message) -> None:
        """Let the journal show what went out."""
        self.entry.replied(message.status, message.headers, message.body)


def _lower(headers: Mapping[str, str]) -> set[str]:
    return {name.lower() for name in headers}


_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}
