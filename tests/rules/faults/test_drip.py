"""The fault `drip`: how the body is spread over time."""

from payments_sandbox.rules.faults.drip import Drip
from payments_sandbox.rules.faults.reply import KeepOpen, Send, WaitUntil
from tests.support.values import REAL_BODY, REAL_HEAD, REAL_REPLY, body_sent, lines_sent


def test_the_head_comes_at_once_and_the_last_piece_when_time_is_up() -> None:
    """The journal shows the reply once all of it has gone out."""
    whole = REAL_REPLY.framed()
    assert list(Drip(over=1_000, chunks=2).plan(REAL_REPLY)) == [
        Send(REAL_HEAD),
        WaitUntil(500),
        Send(REAL_BODY[:17]),
        WaitUntil(1_000),
        Send(REAL_BODY[17:], shown=whole),
        KeepOpen(),
    ]


def test_a_short_body_comes_byte_by_byte_and_an_empty_one_at_once() -> None:
    """There are no empty pieces."""
    fault = Drip(over=1_000, chunks=1_000)
    assert body_sent(fault) == REAL_BODY
    assert len([*fault.plan(REAL_REPLY)]) == 2 + 2 * len(REAL_BODY)
    empty = REAL_REPLY._replace(is_head=True)
    assert [*fault.plan(empty)] == [Send(REAL_HEAD, shown=empty.framed()), KeepOpen()]


def test_a_body_comes_in_twenty_pieces_unless_told_otherwise() -> None:
    """Enough of them for a client to meet its timeout between two."""
    planned = list(Drip(over=1_000).plan(REAL_REPLY))
    assert len([each for each in planned if isinstance(each, WaitUntil)]) == 20
    assert Drip.parse({"over": "1s"}, is_read=False) == Drip(over=1_000)


def test_the_cap_shortens_a_drip() -> None:
    """All of its gaps alike."""
    waits = [
        each for each in Drip(over=90_000, chunks=2).plan(REAL_REPLY) if isinstance(each, WaitUntil)
    ]
    assert waits == [WaitUntil(30_000), WaitUntil(60_000)]


def test_the_reply_says_what_becomes_of_the_connection() -> None:
    """As the real one does; the journal shows the reply without that."""
    reply = REAL_REPLY._replace(connection="close")
    assert "Connection: close" in lines_sent(Drip(over=1, chunks=1), reply)


def test_a_reply_that_drips_arrives_in_the_end() -> None:
    """So that nothing has to be said of the call, which happens as ever."""
    assert (Drip.reply_arrives, Drip.needs_commit, Drip.starts_silent) == (True, False, False)
