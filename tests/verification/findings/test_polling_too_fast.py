"""The finding `polling_too_fast`: a pending payment that was read too often."""

import pytest

from payments_sandbox.core.instants import SECOND
from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from tests.support.in_process import History, rules_of

PENDING = {card.name: card.number for card in MAGIC_CARDS}["pending_forever"]


def read(history: History) -> str:
    """Retrieve the first payment."""
    return history.call("retrieve_payment", payment_id=history.payment())


def test_three_reads_of_a_pending_payment_within_a_second_each_are_found() -> None:
    """Other calls in between do not matter."""
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
        f"/v3/payments/{history.payment()} was read 3 times less than a second apart."
    ]


def test_reading_a_settled_payment_after_each_webhook_is_not_a_finding() -> None:
    """A read after each of three webhooks is what a careful receiver does."""
    history = History()
    history.pay()
    for _ in range(3):
        history.receive(200, payment_id=history.payment())
        read(history)

    assert history.found() == []


def test_the_read_that_sees_the_settlement_does_not_count() -> None:
    """The status had changed, so the read was useful."""
    history = History(frozen=True)
    history.pay(card_number=PENDING)
    read(history)
    read(history)
    history.world.complete(0)
    read(history)

    assert history.found() == []


def test_repeated_lists_are_not_a_finding() -> None:
    """A client that looks for a payment may list as often as needed."""
    history = History()
    history.pay(card_number=PENDING)
    for _ in range(5):
        history.look()

    assert history.found() == []


def test_reading_once_per_second_is_not_a_finding() -> None:
    """Two immediate reads at the end are not enough."""
    history = History()
    history.pay(card_number=PENDING)
    for _ in range(5):
        read(history)
        history.wait(SECOND)
    read(history)

    assert history.found() == []


def test_a_second_of_virtual_time_counts_as_a_pause() -> None:
    """Tests therefore need not sleep."""
    history = History(frozen=True)
    history.pay(card_number=PENDING)
    for _ in range(5):
        read(history)
        history.advance(SECOND)

    assert history.found() == []


@pytest.mark.parametrize(("reads", "is_found"), [(7, False), (8, True)])
def test_reads_after_failed_reads_do_not_count(reads: int, *, is_found: bool) -> None:
    """Five reads fail; three successful ones are needed for a finding."""
    history = History(rules_of("- {request: retrieve_payment, do: [{drop: {}, times: 5}]}"))
    history.pay(card_number=PENDING)
    for _ in range(reads):
        read(history)

    assert [kind for kind, _ in history.found()] == ["polling_too_fast"] * is_found
