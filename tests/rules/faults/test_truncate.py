"""The fault `truncate`: what of the reply is sent."""

import pytest

from payments_sandbox.rules.faults.reply import Close
from payments_sandbox.rules.faults.truncate import Truncate
from tests.support.values import REAL_BODY, REAL_HEAD, REAL_REPLY, bytes_sent


@pytest.mark.parametrize(
    ("keep", "kept"),
    [(0, 0), (40, 14), (50, 17), (99.9, len(REAL_BODY) - 1), (100, len(REAL_BODY) - 1)],
)
def test_at_least_one_byte_of_the_body_is_missing(keep: float, kept: int) -> None:
    """Rounded down to whole bytes, behind a head that promises all of them."""
    fault = Truncate(commit=True, keep=keep)
    assert bytes_sent(fault) == REAL_HEAD + REAL_BODY[:kept]
    assert [*fault.plan(REAL_REPLY)][-1] == Close()


def test_an_empty_body_cannot_lose_a_byte() -> None:
    """The head says that there is none."""
    reply = REAL_REPLY._replace(body=b"")
    assert bytes_sent(Truncate(commit=True), reply).endswith(
        b"Content-Length: 0\r\nDate: now\r\n\r\n"
    )


def test_a_head_breaks_off_before_the_line_that_ends_it() -> None:
    """Even where all of it is to be kept."""
    assert bytes_sent(Truncate(commit=True, part="headers")) == REAL_HEAD[: len(REAL_HEAD) // 2]
    assert bytes_sent(Truncate(commit=True, keep=100, part="headers")) == REAL_HEAD[:-1]


def test_half_a_reply_leaves_open_whether_the_call_has_happened() -> None:
    """A scenario has to say it."""
    assert (Truncate.reply_arrives, Truncate.needs_commit, Truncate.starts_silent) == (
        False,
        True,
        False,
    )
