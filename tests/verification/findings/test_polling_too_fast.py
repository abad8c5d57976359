"""A pending payment that was read again and again."""

import pytest

from payments_sandbox.core.instants import SECOND
from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from tests.support.in_process import History, rules_of

PENDING = {card.name: card.number for card in MAGIC_CARDS}["pending_forever"]


def read(history: History) -> str:
    """Retrieve the first payment."""
    return history.call("retrieve_payment", payment_id=history.payment())


def test_a_pending_payment_read_without_a_pause_is_found() -> None:
    """Three reads within less than a second of each other; other calls do not matter."""
    history = History()
    history.pay(card_number=PENDING)
    ids = []
    for _ in range(3):
        ids.append(read(history))
        history.look()
        history.wait(2 * SECOND if len(ids) == 3 else 999)
    read(history)

    assert history.found() == [("polling_too_fast", tuple(ids))]
    assert [each.message for each in history.findings()] == [
        f"/v3/payments/{history.payment()} was read 3 times with less than a second between."
    ]


def test_a_settled_payment_may_be_read_as_often_as_webhooks_tell_of_it() -> None:
    """A read after each of three webhooks is what a careful receiver does."""
    history = History()
    history.pay()
    for _ in range(3):
        history.receive(200, payment_id=history.payment())
        read(history)

    assert history.found() == []


def test_the_read_that_sees_a_payment_settled_is_no_poll() -> None:
    """Something had changed, and it was right to ask."""
    history = History(frozen=True)
    history.pay(card_number=PENDING)
    read(history)
    read(history)
    history.world.complete(0)
    read(history)

    assert history.found() == []


def test_lists_are_no_polls() -> None:
    """Whoever looks for a payment may look as often as it takes."""
    history = History()
    history.pay(card_number=PENDING)
    for _ in range(5):
        history.look()

    assert history.found() == []


def test_once_a_second_is_no_finding() -> None:
    """And two reads at once are no poll."""
    history = History()
    history.pay(card_number=PENDING)
    for _ in range(5):
        read(history)
        history.wait(SECOND)
    read(history)

    assert history.found() == []


def test_a_second_on_the_worlds_clock_is_a_pause() -> None:
    """So a test need not sleep."""
    history = History(frozen=True)
    history.pay(card_number=PENDING)
    for _ in range(5):
        read(history)
        history.advance(SECOND)

    assert history.found() == []


@pytest.mark.parametrize(("reads", "is_found"), [(7, False), (8, True)])
def test_a_read_after_one_that_failed_is_no_poll(reads: int, *, is_found: bool) -> None:
    """Who has got no answer does not poll; who has got two has asked three times."""
    history = History(rules_of("- {request: retrieve_payment, do: [{drop: {}, times: 5}]}"))
    history.pay(card_number=PENDING)
    for _ in range(reads):
        read(history)

    assert [kind for kind, _ in history.found()] == ["polling_too_fast"] * is_found
