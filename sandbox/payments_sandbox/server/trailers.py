"""Owns the detection of trailers, the header lines that may follow the chunks of a body.

aiohttp's parser in C keeps the last trailer, and takes it for the first header line of the next
request: it could set that request's key or Host. So nothing is read after trailers. The API
documents no trailers.
"""

from collections.abc import Iterable
from typing import Any, Final

from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

_END_OF_HEAD: Final = b"\r\n\r\n"
_LONGEST_SIZE: Final = 32
"""How many bytes of a line are kept: enough for a chunk's size, or to see that it is not empty."""


class TrailerWatch:
    """Looks for trailers in the data of one connection, in parallel with the parser.

    Attributes:
        is_in_chunks: whether a chunked body has begun, and the parser has not reached its end.
    """

    __slots__ = ("_body", "_chunks", "is_in_chunks")

    def __init__(self) -> None:
        self._chunks = _Chunks()
        self._body: StreamReader = EMPTY_PAYLOAD
        self.is_in_chunks = False

    def requests_before(
        self, data: bytes, messages: Iterable[tuple[Any, StreamReader]]
    ) -> int | None:
        """Count the requests in a piece of data, up to and including the one that has trailers.

        Args:
            data: the data that was received.
            messages: the requests that begin in it, as the parser has read them.

        Returns:
            The count, or None if there are no trailers; 0 if they follow a body that began in
            earlier data. A body whose chunks could not be followed to its end counts as one with
            trailers.
        """
        at = 0
        if self.is_in_chunks:
            at = self._chunks.read(data, at)
            if self._is_last():
                return 0
        for number, (message, body) in enumerate(messages, 1):
            if not isinstance(message, RawRequestMessage):
                break  # the parser's error; nothing follows it
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
        """Whether the body has ended in a way that nothing may be read after it."""
        is_over = self._body.is_eof()
        self.is_in_chunks = not is_over
        return is_over and (self._chunks.have_trailers or not self._chunks.have_ended)


class _Chunks:
    """Follows the chunks of one body; whether they are valid is for the parser to judge.

    Attributes:
        have_ended: whether the end of the body was seen.
        have_trailers: whether there was a trailer, or something that could not be read.
    """

    __slots__ = ("_is_behind", "_left", "_line", "have_ended", "have_trailers")

    def __init__(self) -> None:
        self._left = 0
        self._line = b""
        self._is_behind = False
        self.have_ended = self.have_trailers = False

    def read(self, data: bytes, at: int) -> int:
        """Read the data from index `at` on; return the index behind what was read."""
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
        except ValueError:  # not a size: the body does not begin where this has assumed
            self.have_trailers = True
            return
        self._left = size + len(b"\r\n") if size else 0
        self._is_behind = size == 0
