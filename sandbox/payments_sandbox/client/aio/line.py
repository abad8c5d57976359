"""Owns the asynchronous line to a server; aiohttp is imported with its first call."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Protocol

from payments_sandbox.client.errors import Unreachable
from payments_sandbox.client.exchange import OK, PATIENCE, Answer, Question, read

if TYPE_CHECKING:
    from aiohttp import ClientSession


class AsyncLine(Protocol):
    """Carries calls to a server."""

    async def ask(self, asked: Question) -> Answer:
        """The answer, whatever it says; raises Unreachable when there is none."""

    def lines(self, asked: Question) -> AsyncIterator[str]:
        """The lines of an answer that does not end by itself."""

    async def close(self) -> None:
        """Give up what is kept open."""


class AsyncHttpLine:
    """A line over sockets, for one event loop of asyncio.

    Args:
        address: such as `http://127.0.0.1:8080`.
        headers: what every call carries.
    """

    def __init__(self, address: str, headers: dict[str, str]) -> None:
        self._address = address
        self._headers = headers
        self._session: ClientSession | None = None

    async def ask(self, asked: Question) -> Answer:
        """The answer, whatever it says.

        Raises:
            Unreachable: nobody answers there.
        """
        from aiohttp import ClientError

        try:
            async with self._opened().request(
                asked.method, self._address + asked.target, data=asked.body, headers=asked.headers
            ) as response:
                return Answer(response.status, await response.read())
        except (OSError, ClientError, TimeoutError) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise Unreachable(f"{asked}: no answer from {self._address}: {reason}.") from error

    async def lines(self, asked: Question) -> AsyncIterator[str]:
        """The lines of an answer as they come, until it ends or the caller has enough."""
        async with self._opened().request(
            asked.method, self._address + asked.target, headers=asked.headers
        ) as response:
            if response.status != OK:
                read(object, asked, Answer(response.status, await response.read()))
            async for line in response.content:
                yield line.decode().rstrip("\n")

    async def close(self) -> None:
        """Close every connection; the next call opens one again."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _opened(self) -> "ClientSession":
        if self._session is None:
            from aiohttp import ClientSession, ClientTimeout, DummyCookieJar

            self._session = ClientSession(
                headers=self._headers,
                timeout=ClientTimeout(total=None, sock_connect=PATIENCE, sock_read=PATIENCE),
                cookie_jar=DummyCookieJar(),
                trust_env=False,  # a proxy would answer for a server that is not there
            )
        return self._session
