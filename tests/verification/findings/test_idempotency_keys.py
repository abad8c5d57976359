"""Writes that came again with the key of an earlier one: their client means them to be one."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import pytest

from payments_sandbox.core.instants import DAY, MINUTE
from payments_sandbox.rules.scenario import Scenario
from tests.support.in_process import AUTHORIZATION, History, call_of, rules_of
from tests.support.values import documented_create

KEY: Final = (b"Idempotency-Key", b"order-17")
UNKNOWN: Final = "it came with the same Idempotency-Key, which this API does not know."
CREATE: Final = "The payment of 2500 USD for cust_abc123"
LOST: Final = rules_of("- {request: create_payment, do: [{drop: {commit: true}}]}")
NOTHING: Final = rules_of("- {request: create_payment, do: [{drop: {commit: false}}]}")


def send(
    history: History,
    *keys: tuple[bytes, bytes],
    changes: Mapping[str, object] = MappingProxyType({}),
) -> None:
    """Create a payment with these headers."""
    call = call_of("create_payment", documented_create(**changes), headers=(AUTHORIZATION, *keys))
    history.desk.answer(call).entry.duration_ms = 0.0


def refund(history: History, *keys: tuple[bytes, bytes]) -> None:
    """Refund 500 of the first payment with these headers."""
    headers, paid = (AUTHORIZATION, *keys), history.payment()
    call = call_of("create_refund", {"amount": 500}, payment_id=paid, headers=headers)
    history.desk.answer(call).entry.duration_ms = 0.0


def messages(history: History) -> list[str]:
    """What the audit says."""
    return [each.message for each in history.findings()]


@pytest.mark.parametrize("name", [b"Idempotency-Key", b"idempotency-key", b"X-Idempotency-Key"])
def test_a_payment_with_the_key_of_another_was_charged_twice(name: bytes) -> None:
    """Though both replies came: its client trusts in what the API does not have."""
    history = History()
    send(history, (name, b"order-17"))
    history.wait(9 * MINUTE)
    send(history, (b"Idempotency-Key", b"order-17"))

    assert messages(history) == [f"{CREATE} may have been charged 2 times: {UNKNOWN}"]


def test_a_refund_with_the_key_of_another_was_made_twice() -> None:
    """Within a day, as after a lost reply."""
    history = History()
    send(history)
    refund(history, KEY)
    history.wait(DAY - MINUTE)
    refund(history, KEY)

    twice = f"The refund of 500 of {history.payment()} may have been made 2 times"
    assert messages(history) == [f"{twice}: {UNKNOWN}"]


@pytest.mark.parametrize(
    ("first", "second", "changes"),
    [
        ((KEY,), ((b"Idempotency-Key", b"order-18"),), {}),
        ((KEY,), (), {}),
        ((), (), {}),
        (((b"Idempotency-Key", b""),), ((b"Idempotency-Key", b""),), {}),
        (((b"X-Request-Id", b"1"),), ((b"X-Request-Id", b"1"),), {}),
        ((KEY,), (KEY,), {"amount": 300}),
        ((KEY,), (KEY,), {"customer_id": "ben"}),
    ],
    ids=["another key", "one key", "no key", "empty keys", "another header", "amount", "customer"],
)
def test_other_equal_payments_are_two_purchases(
    first: tuple[tuple[bytes, bytes], ...],
    second: tuple[tuple[bytes, bytes], ...],
    changes: dict[str, object],
) -> None:
    """Nobody is accused of what a customer may do, nor of a key alone."""
    history = History()
    send(history, *first)
    send(history, *second, changes=changes)

    assert messages(history) == []


def test_a_payment_after_a_refusal_may_have_the_same_key() -> None:
    """What was declined has charged nobody."""
    history = History()
    method = documented_create()["payment_method"]
    assert isinstance(method, dict)
    declined = {"payment_method": {**method, "card_number": "4000000000000002"}}
    send(history, KEY, changes=declined)
    send(history, KEY)

    assert messages(history) == []


@pytest.mark.parametrize("scene", [LOST, NOTHING], ids=["charged", "not charged"])
def test_who_trusts_in_a_key_is_told_that_it_changes_nothing(scene: Scenario) -> None:
    """After a lost reply, too: else its client would believe that the finding is wrong."""
    history = History(scene)
    send(history, KEY)
    send(history, KEY)

    blind = f"{CREATE} was sent again although nobody had looked for it; {UNKNOWN}"
    assert messages(history)[-1] == blind
    assert len(messages(history)) == (2 if scene is LOST else 1)


def test_keys_are_known_in_a_world_that_was_restored() -> None:
    """A snapshot has the headers of its requests."""
    history = History()
    send(history, KEY)
    send(history, KEY)
    before = messages(history)
    history.world = history.desk.twin(history.wall).world

    assert messages(history) == before != []
