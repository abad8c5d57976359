"""Owns what comes behind the chunks of a body: trailers, of which nothing is documented.

aiohttp's parser in C keeps the last of them, and takes it for the first header line of the request
that follows, whose key or Host it would be. So nothing is read behind trailers.
"""

from collections.abc import Iterable
from typing import Any, Final

from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

_END_OF_HEAD: Final = b"\r\n\r\n"
_LONGEST_SIZE: Final = 32
"""Bytes of a line that are looked at: the size of a chunk, or whether there is a trailer."""


class TrailerWatch:
    """Looks for trailers in what comes on one connection, beside the parser.

    Attributes:
        is_in_chunks: a body in chunks has begun, and the parser has not come to its end.
    """

    __slots__ = ("_body", "_chunks", "is_in_chunks")

    def __init__(self) -> None:
        self._chunks = _Chunks()
        self._body: StreamReader = EMPTY_PAYLOAD
        self.is_in_chunks = False

    def requests_before(
        self, data: bytes, messages: Iterable[tuple[Any, StreamReader]]
    ) -> int | None:
        """Count the requests of a piece of data that came before trailers, or with them.

        Args:
            data: what has come.
            messages: the requests that began in it, as the parser has read them.

        Returns:
            None where there are no trailers. Where a body has ended and its chunks cannot be
            followed, there could be some.
        """
        at = 0
        if self.is_in_chunks:
            at = self._chunks.read(data, at)
            if self._is_last():
                return 0
        for number, (message, body) in enumerate(messages, 1):
            if not isinstance(message, RawRequestMessage):
                break  # what is no request is the last
            at = data.find(_END_OF_HEAD, at) + len(_END_OF_HEAD)
            if not message.chunked:
                at += int(message.headers.get("Content-Length", 0))
                continue
            self._chunks, self._body = _Chunks(), body
            at = self._chunks.read(data, at)
            if self._is_last():
                return number
        return None

    def _is_last(self) -> bool:
        """Whether the body has ended, and nothing can be read behind it."""
        is_over = self._body.is_eof()
        self.is_in_chunks = not is_over
        return is_over and (self._chunks.have_trailers or not self._chunks.have_ended)


class _Chunks:
    """Follows the chunks of one body, whose framing the parser judges.

    Attributes:
        have_ended: the end of the body was seen.
        have_trailers: there was one, or it is not known what there was.
    """

    __slots__ = ("_is_behind", "_left", "_line", "have_ended", "have_trailers")

    def __init__(self) -> None:
        self._left = 0
        self._line = b""
        self._is_behind = False
        self.have_ended = self.have_trailers = False

    def read(self, data: bytes, at: int) -> int:
        """Read from a place of the data on; returns the place behind what was read."""
        while at < len(data) and not self.have_ended:
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
                continue
            end = data.find(b"\n", at)
            until = len(data) if end < 0 else end
            self._line = (self._line + data[at:until])[:_LONGEST_SIZE]
            at = until + 1
            if end >= 0:
                line, self._line = self._line.rstrip(b"\r"), b""
                self._read_line(line)
        return at

    def _read_line(self, line: bytes) -> None:
        if self._is_behind:
            self.have_ended = not line
            self.have_trailers = self.have_trailers or bool(line)
            return
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:  # it is none: the head was not where it was looked for
            self.have_trailers = True
            return
        self._left = size + len(b"\r\n") if size else 0
        self._is_behind = size == 0
