"""A request by hand costs what it is worth: aiohttp is led into no circle."""

import sys

from payments_sandbox.client.messages import HttpRequest
from payments_sandbox.testing.direct_connection import DirectConnection, control_exchange


def test_a_body_that_is_whole_makes_nobody_read_on() -> None:
    """A connection that is its own transport would ask itself until the stack is full."""
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
