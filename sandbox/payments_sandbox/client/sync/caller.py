"""Owns how a client asks: the world it speaks for, the line it has, and the shapes it promises."""

from collections.abc import Mapping
from typing import Self, TypeVar

from payments_sandbox.client.exchange import address_of, given, headers_of, question, read
from payments_sandbox.client.sync.line import HttpLine, Line

T = TypeVar("T")


class Caller:
    """A client of the control API of one server, for the world of one API key.

    Args:
        url: where the server is, such as `http://127.0.0.1:8080`; a path is ignored.
        api_key: names the world; None will do for routes that need no key.
        token: what `Sandbox-Token` must say, where the server wants one.
        line: what carries the calls in place of sockets.

    Raises:
        ValueError: `url` is no address.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        token: str | None = None,
        line: Line | None = None,
    ) -> None:
        self.url = address_of(url)
        self.api_key = api_key
        self._line = line or HttpLine(self.url, headers_of(api_key, token))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.api_key or 'no world'} at {self.url}>"

    def close(self) -> None:
        """Close what is kept open; the next call opens it again."""
        self._line.close()

    def _get(self, shape: type[T], path: str, **query: str | int | None) -> T:
        """Ask; parameters that are None are left out."""
        asked = question("GET", path, query=given(query))
        return read(shape, asked, self._line.ask(asked))

    def _tell(self, shape: type[T], method: str, path: str, body: Mapping[str, object]) -> T:
        """Let something happen; fields that are None are left out."""
        asked = question(method, path, body=given(body))
        return read(shape, asked, self._line.ask(asked))

    def _drop(self, path: str) -> None:
        asked = question("DELETE", path)
        read(object, asked, self._line.ask(asked))
