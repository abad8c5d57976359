"""The finding `duplicate_handled_twice`: an event handled at each of its deliveries."""

from payments_sandbox.core.instants import SECOND
from tests.support.in_process import History


def test_a_refund_after_each_delivery_of_an_event_is_found() -> None:
    history = History()
    history.pay()
    paid = history.payment()
    first = history.receive(200, payment_id=paid)
    history.wait(SECOND)
    one = history.call("create_refund", {"amount": 5}, payment_id=paid)
    history.wait(SECOND)
    second = history.receive(200, payment_id=paid)
    history.wait(SECOND)
    other = history.call("create_refund", {"amount": 5}, payment_id=paid)

    assert history.found() == [("duplicate_handled_twice", (first, one, second, other))]
    assert history.findings()[0].message == "evt_1 was handled twice: a refund was made each time."


def test_deliveries_are_compared_in_the_order_of_acceptance() -> None:
    """The first delivery may have been rejected and accepted later."""
    history = History()
    history.pay()
    paid = history.payment()
    ids = []
    for _ in range(2):
        ids.append(history.receive(200, payment_id=paid))
        ids.append(history.call("create_refund", {"amount": 5}, payment_id=paid))
        history.wait(SECOND)
    history.sent[0] = history.sent[0]._replace(id="dlv_9")

    assert history.found() == [("duplicate_handled_twice", ("dlv_9", *ids[1:]))]


def test_three_handled_deliveries_are_one_finding() -> None:
    """The message has their number."""
    history = History()
    history.pay()
    paid = history.payment()
    ids = []
    for _ in range(3):
        ids.append(history.receive(200, payment_id=paid))
        ids.append(history.call("create_refund", {"amount": 5}, payment_id=paid))
        history.wait(SECOND)

    assert history.found() == [("duplicate_handled_twice", tuple(ids))]
    assert (
        history.findings()[0].message == "evt_1 was handled 3 times: a refund was made each time."
    )


def test_deliveries_of_refund_events_are_not_a_finding() -> None:
    """They are caused by refunds."""
    history = History()
    history.pay()
    paid = history.payment()
    for _ in range(3):
        history.receive(200, event="refund.created", payment_id=paid)
        history.call("create_refund", {"amount": 5}, payment_id=paid)
        history.wait(SECOND)

    assert history.found() == []


def test_an_event_handled_once_is_not_a_finding() -> None:
    """The second refund is for another payment or rejected, or the delivery was rejected."""
    history = History()
    history.pay()
    history.pay(amount=5)
    paid = history.payment()
    history.receive(200, payment_id=paid)
    history.call("create_refund", {"amount": 5}, payment_id=paid)
    history.wait(SECOND)
    history.receive(500, payment_id=paid)
    history.receive(200, payment_id=paid)
    history.receive(200, event_id="evt_2", payment_id=paid)
    history.wait(SECOND)
    history.call("create_refund", {"amount": 5}, payment_id=history.payment(1))
    history.call("create_refund", {"amount": 9_999_999}, payment_id=paid)

    assert history.found() == []
