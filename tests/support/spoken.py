"""Owns a client that speaks in bytes and shares the server's loop."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from tests.support.bodies import documented_create
from tests.support.clients import PATIENCE, Api
from tests.support.wire import request


class Ended(NamedTuple):
    """What came until the connection ended, and whether it ended with an RST."""

    came: bytes
    is_reset: bool


class Speaker:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def head(self) -> bytes:
        """What comes up to the end of the next head."""
        async with asyncio.timeout(PATIENCE):
            return await self._reader.readuntil(b"\r\n\r\n")

    async def rest(self) -> Ended:
        """All that comes until the server closes."""
        came = b""
        async with asyncio.timeout(PATIENCE):
            try:
                while more := await self._reader.read(65_536):
                    came += more
            except ConnectionResetError:
                return Ended(came, is_reset=True)
        return Ended(came, is_reset=False)

    def leave(self) -> None:
        """Close the connection, whatever is under way."""
        self._writer.close()


@asynccontextmanager
async def speaking(api: Api, raw: bytes) -> AsyncIterator[Speaker]:
    """A new connection on which these bytes have been sent."""
    reader, writer = await asyncio.open_connection(api.host, api.port)
    speaker = Speaker(reader, writer)
    try:
        writer.write(raw)
        yield speaker
    finally:
        speaker.leave()


async def answered(api: Api, raw: bytes) -> Ended:
    """All that a request on a connection of its own is answered with."""
    async with speaking(api, raw) as speaker:
        return await speaker.rest()


def create(card: str) -> bytes:
    """A create that is its connection's last request."""
    body = json.dumps(documented_create(card_number=card)).encode()
    return request("POST", "/v3/payments", {"Connection": "close"}, body)
