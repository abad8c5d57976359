"""Requests without a socket: aiohttp's flow control does not recurse."""

import sys

from payments_sandbox.client.messages import HttpRequest
from payments_sandbox.testing.direct_connection import DirectConnection, control_exchange


def test_reading_a_complete_body_causes_no_recursion() -> None:
    """A connection that is its own transport could call itself until the stack overflows."""
    calls: list[str] = []
    request = HttpRequest("POST", "/_sandbox/worlds", body=b"{}")
    sys.setprofile(lambda frame, *_: calls.append(frame.f_code.co_name))
    try:
        connection, made = control_exchange(request, {"Host": "127.0.0.1"})
        body = made.content.read_nowait()
    finally:
        sys.setprofile(None)

    assert (isinstance(connection, DirectConnection), body) == (True, b"{}")
    assert calls.count("resume_reading") <= 4
    assert len(calls) < 1_000
