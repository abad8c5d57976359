"""Owns a reader of the event stream."""

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientResponse


@dataclass(frozen=True, slots=True)
class Message:
    """One server-sent event."""

    kind: str
    id: str
    data: Any


class Reader:
    """Reads server-sent events; comments are passed over."""

    def __init__(self, reply: ClientResponse) -> None:
        self._lines = reply.content

    async def next(self, kind: str | None = None) -> Message:
        """The next message, of one kind where that is given.

        Raises:
            EOFError: the stream ended first.
        """
        while True:
            message = await self._message()
            if kind in (None, message.kind):
                return message

    async def take(self, count: int) -> list[Message]:
        """The next few messages."""
        return [await self.next() for _ in range(count)]

    async def ends(self) -> bool:
        """Whether the stream ends before another message comes."""
        try:
            await self.next()
        except EOFError:
            return True
        return False

    async def _message(self) -> Message:
        fields: dict[str, str] = {}
        while line := await self._lines.readline():
            text = line.decode().rstrip("\n")
            if not text and fields:
                return Message(fields["event"], fields["id"], json.loads(fields["data"]))
            if text and not text.startswith(":"):
                name, _, value = text.partition(": ")
                fields[name] = value
        raise EOFError("the stream has ended")
