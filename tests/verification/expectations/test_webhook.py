"""The expectation `webhook`: count, attempts, acknowledgement and forgery of deliveries."""

from dataclasses import replace

from payments_sandbox.verification.expectations.expectation import ExpectationResult
from tests.support.in_process import History


def test_acknowledged_attempts_and_count_are_evaluated() -> None:
    history = History()
    history.receive(500, 200)
    refused = history.receive(None, event="refund.created")

    assert history.meets(webhook="payment.*", acknowledged=True, attempts=2, count=1)
    assert history.result_of(webhook="*", acknowledged=True) == ExpectationResult(
        met=False,
        observed=f"expected an acknowledgement, saw no answer to the last of 1 attempt: {refused}",
    )
    assert history.meets(webhook="refund.*", acknowledged=False)
    assert history.result_of(webhook="payment.*", acknowledged=False) == ExpectationResult(
        met=False,
        observed="expected no acknowledgement, saw 200 to the last of 2 attempts: dlv_0",
        is_final=True,
    )
    assert history.result_of(webhook="payment.*", attempts={"max": 1}) == ExpectationResult(
        met=False, observed="expected at most 1 attempt, saw 2: dlv_0", is_final=True
    )
    assert history.result_of(webhook="*", count=2) == ExpectationResult(
        met=True, observed="saw 2: dlv_0, dlv_1"
    )
    assert not history.meets(webhook="*", count={"max": 1})


def test_a_finally_failed_delivery_makes_acknowledged_final() -> None:
    """This holds even if other deliveries are still pending."""
    history = History()
    pending = history.receive(500)
    assert history.result_of(webhook="*", acknowledged=True) == ExpectationResult(
        met=False,
        observed=f"expected an acknowledgement, saw 500 to the last of 1 attempt: {pending}",
    )
    history.receive(500, is_final=True)
    assert history.result_of(webhook="*", acknowledged=True).is_final

    history = History()
    history.receive(is_final=True)
    told = history.result_of(webhook="*", acknowledged=True)
    assert "saw no attempt, because its endpoint is disabled" in told.observed
    history = History()
    history.receive()
    told = history.result_of(webhook="*", acknowledged=True)
    assert ("saw no attempt yet" in told.observed, told.is_final) == (True, False)


def test_forged_refused_needs_a_forged_delivery_and_no_2xx() -> None:
    """Without a forged delivery the expectation is not met."""
    honest, careful, careless = History(), History(), History()
    honest.receive(200)
    for history, status in ((careful, 401), (careless, 200)):
        history.receive(200)
        history.receive(status, is_forged=True)
    expect = {"webhook": "payment.completed", "forged": "refused"}

    assert honest.result_of(**expect) == ExpectationResult(
        met=False, observed="saw no forged delivery"
    )
    assert careful.meets(**expect)
    assert careless.result_of(**expect) == ExpectationResult(
        met=False,
        observed="expected forged deliveries to be refused, saw one answered with a 2xx: dlv_1",
        is_final=True,
    )


def test_a_missing_delivery_is_explained_by_the_endpoints() -> None:
    """Nobody has to guess whether the event was missing or nobody had asked for it."""
    history = History()
    expect = {"webhook": "payment.completed", "acknowledged": True}
    observed = [history.result_of(**expect).observed]
    webhooks = history.world.open_webhooks()
    webhooks.put(replace(webhooks.new_endpoint("http://127.0.0.1:1/"), events=("refund.*",)))
    observed.append(history.result_of(**expect).observed)
    refunds = history.result_of(webhook="refund.*", count=1).observed
    whatever = history.result_of(webhook="*", count=1).observed

    assert observed == [
        "saw no delivery: the world has no webhook endpoint",
        "saw no delivery: no enabled webhook endpoint subscribes to payment.completed",
    ]
    assert {refunds, whatever} == {"expected 1 delivery, saw none"}
