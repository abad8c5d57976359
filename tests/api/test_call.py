"""Holds calls and answers to what they show, and to what is so unless somebody says otherwise."""

from payments_sandbox.api.call import Answer, Call, CallResult, RateLimitHeaders, Reply
from payments_sandbox.core.instants import EPOCH
from payments_sandbox.world.journal import Entry
from tests.support.in_process import call_of
from tests.support.values import documented_create


def test_a_call_shows_nothing_of_what_came_with_it() -> None:
    """A traceback or a log line has neither its body nor its path, its query or its headers."""
    call = call_of(
        "create_refund", documented_create(), payment_id="pay_4111111111111111",
        query="number=4111111111111111", headers=((b"X-Card", b"4111111111111111"),),
    )  # fmt: skip
    call.shown = {"number": "4111111111111111"}

    assert repr(call) == (
        "Call(operation='create_refund', method='POST', allow=None, payment=None, leaked=False,"
        " connection=None)"
    )


def test_a_plain_call_and_its_result_are_neither_held_nor_late() -> None:
    """Nor is a connection closed that nobody said should be."""
    call, result = Call(None, "GET", "/", ()), CallResult(None)
    answer = Answer(Reply(200, b"{}"), {}, Entry(EPOCH, None, "GET", "/", ()))

    assert (call.query, call.body, call.payment_id, call.leaked) == ("", b"", "", False)
    assert (result.delay, result.hold, result.committed) == (0, 0, None)
    assert (answer.delay, answer.close, answer.fault) == (0, False, None)


def test_the_headers_of_the_rate_limit_are_the_documented_ones() -> None:
    """As texts, made when they are asked for."""
    headers = RateLimitHeaders(1_000, 999, 1_642_262_400)
    shown = {
        "X-RateLimit-Limit": "1000",
        "X-RateLimit-Remaining": "999",
        "X-RateLimit-Reset": "1642262400",
    }

    assert (dict(headers), len(headers), list(headers)) == (shown, 3, list(shown))
    assert headers["X-RateLimit-Remaining"] == "999"
