"""Tests what the representations of calls and answers show, and their defaults."""

from payments_sandbox.api.call import Answer, Call, CallResult, RateLimitHeaders, Reply
from payments_sandbox.core.instants import EPOCH
from payments_sandbox.world.journal import Entry
from tests.support.in_process import call_of
from tests.support.values import documented_create


def test_the_repr_of_a_call_hides_its_body_path_query_and_headers() -> None:
    """So no traceback or log line shows them."""
    call = call_of(
        "create_refund", documented_create(), payment_id="pay_4111111111111111",
        query="number=4111111111111111", headers=((b"X-Card", b"4111111111111111"),),
    )  # fmt: skip
    call.shown = {"number": "4111111111111111"}

    assert repr(call) == (
        "Call(operation='create_refund', method='POST', allow=None, payment=None, leaked=False,"
        " connection=None)"
    )


def test_the_defaults_of_a_call_mean_no_hold_no_delay_and_an_open_connection() -> None:
    call, result = Call(None, "GET", "/", ()), CallResult(None)
    answer = Answer(Reply(200, b"{}"), {}, Entry(EPOCH, None, "GET", "/", ()))

    assert (call.query, call.body, call.payment_id, call.leaked) == ("", b"", "", False)
    assert (result.delay, result.hold, result.committed) == (0, 0, None)
    assert (answer.delay, answer.close, answer.fault) == (0, False, None)


def test_the_rate_limit_headers_have_the_documented_names_and_text_values() -> None:
    headers = RateLimitHeaders(1_000, 999, 1_642_262_400)
    shown = {
        "X-RateLimit-Limit": "1000",
        "X-RateLimit-Remaining": "999",
        "X-RateLimit-Reset": "1642262400",
    }

    assert (dict(headers), len(headers), list(headers)) == (shown, 3, list(shown))
    assert headers["X-RateLimit-Remaining"] == "999"
