"""Owns how answers to webhooks are taken from what receivers send.

Many send more than an answer: a body behind a 204, or one that is longer than its `Content-Length`.
Where that comes in the same segment, aiohttp forgets the answer that it has read before it, and the
receiver would have failed; in a later one it is nothing. So a head is read before what is behind
it. What is too much ends the connection, as it should.
"""

from typing import Final

from aiohttp.client_proto import ResponseHandler

_END_OF_HEAD: Final = b"\r\n\r\n"
_FINAL: Final = 200
_MOST_HEADS: Final = 8
"""Of one segment, the last of which is the answer's: others are interim."""


class AnswerReader(ResponseHandler):
    """One connection to a receiver."""

    def data_received(self, data: bytes) -> None:
        """Read what has come: each head for itself, until one is that of an answer."""
        for _ in range(_MOST_HEADS):
            end = data.find(_END_OF_HEAD) + len(_END_OF_HEAD)
            if not len(_END_OF_HEAD) <= end < len(data) or not self._waits_for_head():
                break
            super().data_received(data[:end])
            data = data[end:]
        super().data_received(data)
        # Whoever reads a body that has gone wrong would wait for the rest of it.
        body = self._payload
        if self._exception is not None and body is not None and not body.is_eof():
            body.set_exception(self._exception)

    def _waits_for_head(self) -> bool:
        return not self._buffer or self._buffer[-1][0][0].code < _FINAL
