"""The fault `truncate`: which part of the reply is sent."""

import pytest

from payments_sandbox.rules.faults.reply import Close
from payments_sandbox.rules.faults.truncate import Truncate
from tests.support.values import REAL_BODY, REAL_HEAD, REAL_REPLY, bytes_sent


@pytest.mark.parametrize(
    ("keep", "kept"),
    [(0, 0), (40, 14), (50, 17), (99.9, len(REAL_BODY) - 1), (100, len(REAL_BODY) - 1)],
)
def test_at_least_one_byte_of_the_body_is_missing(keep: float, kept: int) -> None:
    """The share is rounded down to bytes; the head announces the whole length."""
    fault = Truncate(commit=True, keep=keep)
    assert bytes_sent(fault) == REAL_HEAD + REAL_BODY[:kept]
    assert [*fault.plan(REAL_REPLY)][-1] == Close()


def test_an_empty_body_is_sent_completely() -> None:
    """The head announces a length of 0."""
    reply = REAL_REPLY._replace(body=b"")
    assert bytes_sent(Truncate(commit=True), reply).endswith(
        b"Content-Length: 0\r\nDate: now\r\n\r\n"
    )


def test_truncated_headers_never_include_the_final_line_end() -> None:
    """This holds even for `keep: 100%`."""
    assert bytes_sent(Truncate(commit=True, part="headers")) == REAL_HEAD[: len(REAL_HEAD) // 2]
    assert bytes_sent(Truncate(commit=True, keep=100, part="headers")) == REAL_HEAD[:-1]


def test_truncate_needs_commit_and_its_reply_never_arrives() -> None:
    """A scenario has to say whether the call happens."""
    assert (Truncate.reply_arrives, Truncate.needs_commit, Truncate.starts_silent) == (
        False,
        True,
        False,
    )
