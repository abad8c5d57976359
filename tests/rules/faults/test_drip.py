"""The fault `drip`: how the body is spread over time."""

from payments_sandbox.rules.faults.drip import Drip
from payments_sandbox.rules.faults.reply import KeepOpen, Send, WaitUntil
from tests.support.values import REAL_BODY, REAL_HEAD, REAL_REPLY, body_sent, lines_sent


def test_the_head_is_sent_at_once_and_the_last_chunk_at_the_end() -> None:
    """The journal shows the reply once it is sent completely."""
    whole = REAL_REPLY.framed()
    assert list(Drip(over=1_000, chunks=2).plan(REAL_REPLY)) == [
        Send(REAL_HEAD),
        WaitUntil(500),
        Send(REAL_BODY[:17]),
        WaitUntil(1_000),
        Send(REAL_BODY[17:], shown=whole),
        KeepOpen(),
    ]


def test_a_short_body_is_sent_byte_by_byte_and_an_empty_one_at_once() -> None:
    """There are no empty chunks."""
    fault = Drip(over=1_000, chunks=1_000)
    assert body_sent(fault) == REAL_BODY
    assert len([*fault.plan(REAL_REPLY)]) == 2 + 2 * len(REAL_BODY)
    empty = REAL_REPLY._replace(is_head=True)
    assert [*fault.plan(empty)] == [Send(REAL_HEAD, shown=empty.framed()), KeepOpen()]


def test_a_body_is_sent_in_twenty_chunks_by_default() -> None:
    """So many that a client can reach its timeout between two of them."""
    planned = list(Drip(over=1_000).plan(REAL_REPLY))
    assert len([each for each in planned if isinstance(each, WaitUntil)]) == 20
    assert Drip.parse({"over": "1s"}, is_read=False) == Drip(over=1_000)


def test_the_maximum_wait_shortens_all_gaps() -> None:
    waits = [
        each for each in Drip(over=90_000, chunks=2).plan(REAL_REPLY) if isinstance(each, WaitUntil)
    ]
    assert waits == [WaitUntil(30_000), WaitUntil(60_000)]


def test_the_connection_header_of_the_real_reply_is_sent() -> None:
    reply = REAL_REPLY._replace(connection="close")
    assert "Connection: close" in lines_sent(Drip(over=1, chunks=1), reply)


def test_a_dripped_reply_arrives_and_needs_no_commit() -> None:
    """The call always happens."""
    assert (Drip.reply_arrives, Drip.needs_commit, Drip.starts_silent) == (True, False, False)
