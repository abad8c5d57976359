"""The expectation `refunds`: a count and a total."""

from tests.support.in_process import History


def test_refunds_are_counted_and_summed_by_condition() -> None:
    """An event `refund.created` that was created by hand does not count."""
    history = History()
    history.pay(customer_id="ann")
    history.pay(customer_id="ben")
    for number, amount in ((0, 5), (0, 7), (1, 9)):
        body = {"amount": amount, "reason": "late"}
        history.call("create_refund", body, payment_id=history.payment(number))
    history.world.make_event("refund.created", {})

    assert history.meets(refunds={"payment_id": history.payment()}, total=12, count=2)
    assert history.meets(refunds={"customer_id": "ben"}, total=9)
    assert history.meets(refunds={"reason": "late", "amount": {"gte": 7}}, count=2)
    found = history.result_of(refunds={}, total=20)
    assert (found.met, found.observed.startswith("expected a total of 20, saw 3: ref_")) == (
        False,
        True,
    )
