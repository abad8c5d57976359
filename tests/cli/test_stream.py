"""Reading server-sent events line by line."""

import pytest

from payments_sandbox.cli.stream import Message, messages

REQUEST = [b"event: request\n", b"id: 1-0-0\n", b'data: {"a": ": b"}\n', b"\n"]
MESSAGE = Message("request", "1-0-0", '{"a": ": b"}')


def test_a_message() -> None:
    """Its three fields; a colon in the data is data."""
    assert list(messages(REQUEST)) == [MESSAGE]


def test_several_messages() -> None:
    """Nothing of one is left for the next."""
    assert list(messages([*REQUEST, b"event: event\n", b"\n"])) == [
        MESSAGE,
        Message("event", "", ""),
    ]


def test_a_comment_says_that_the_server_is_there() -> None:
    """And is no part of a message."""
    assert list(messages([b": connected\n", b"\n", *REQUEST, b": still here\n", b"\n"])) == [
        None,
        MESSAGE,
        None,
    ]


@pytest.mark.parametrize("count", range(4))
def test_half_a_message_is_none(count: int) -> None:
    """The connection ended within it."""
    assert list(messages(REQUEST[:count])) == []


def test_other_line_ends_and_no_blank() -> None:
    """The format allows both."""
    lines = [b"event:request\r\n", b"id:1\r\n", b"data:{}\r\n", b"\r\n"]
    assert list(messages(lines)) == [Message("request", "1", "{}")]
