"""Owns the parsing of receivers' answers to webhooks, even if more data follows an answer.

Many receivers send too much: a body after a 204, or one longer than its `Content-Length`. If that
arrives in the same segment, aiohttp drops the answer that it has already parsed, and the attempt
would fail; in a later segment it does no harm. So each head is parsed before the data after it.
The excess data ends the connection, as it should.
"""

from typing import Final

from aiohttp.client_proto import ResponseHandler

_END_OF_HEAD: Final = b"\r\n\r\n"
_FINAL: Final = 200
_MOST_HEADS: Final = 8
"""How many heads of one segment are parsed separately: the last is final, the others interim."""


class AnswerReader(ResponseHandler):
    """One connection to a receiver."""

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived: each head separately, up to that of the final answer."""
        for _ in range(_MOST_HEADS):
            end = data.find(_END_OF_HEAD) + len(_END_OF_HEAD)
            if not len(_END_OF_HEAD) <= end < len(data) or not self._waits_for_head():
                break
            super().data_received(data[:end])
            data = data[end:]
        super().data_received(data)
        # Otherwise the reader of an invalid body would wait for the rest of it.
        body = self._payload
        if self._exception is not None and body is not None and not body.is_eof():
            body.set_exception(self._exception)

    def _waits_for_head(self) -> bool:
        return not self._buffer or self._buffer[-1][0][0].code < _FINAL
