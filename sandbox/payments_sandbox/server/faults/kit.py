"""Owns the stand-in for a reply that is not sent, which is all a server needs before a fault."""

from typing import NoReturn

from aiohttp import web


class AlreadySent(web.StreamResponse):
    """Stands for what a fault did itself: aiohttp adds no byte and closes the connection."""

    async def prepare(self, request: web.BaseRequest) -> NoReturn:  # noqa: ARG002 - aiohttp's
        """End the exchange; aiohttp takes this for a client that has left, and logs nothing."""
        raise ConnectionResetError("a fault ended this exchange")
