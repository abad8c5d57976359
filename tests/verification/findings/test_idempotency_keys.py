"""Writes that repeat the idempotency key of an earlier one."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import pytest

from payments_sandbox.core.instants import DAY, MINUTE
from payments_sandbox.rules.scenario import Scenario
from tests.support.in_process import AUTHORIZATION, History, call_of, rules_of
from tests.support.values import documented_create

KEY: Final = (b"Idempotency-Key", b"order-17")
UNKNOWN: Final = "it had the same Idempotency-Key, which this API does not support."
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
    """Return the messages of the findings."""
    return [each.message for each in history.findings()]


@pytest.mark.parametrize("name", [b"Idempotency-Key", b"idempotency-key", b"X-Idempotency-Key"])
def test_two_payments_with_the_same_idempotency_key_are_a_double_charge(name: bytes) -> None:
    """This holds although both got replies: the API does not support such keys."""
    history = History()
    send(history, (name, b"order-17"))
    history.wait(9 * MINUTE)
    send(history, (b"Idempotency-Key", b"order-17"))

    assert messages(history) == [f"{CREATE} may have been charged 2 times: {UNKNOWN}"]


def test_two_refunds_with_the_same_idempotency_key_are_a_double_refund() -> None:
    """They may be up to a day apart, as after a lost reply."""
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
def test_equal_payments_without_a_shared_key_are_not_a_finding(
    first: tuple[tuple[bytes, bytes], ...],
    second: tuple[tuple[bytes, bytes], ...],
    changes: dict[str, object],
) -> None:
    """A customer may buy the same twice, and a shared key alone is no finding either."""
    history = History()
    send(history, *first)
    send(history, *second, changes=changes)

    assert messages(history) == []


def test_a_payment_after_a_decline_may_have_the_same_key() -> None:
    """A declined payment charges nothing."""
    history = History()
    method = documented_create()["payment_method"]
    assert isinstance(method, dict)
    declined = {"payment_method": {**method, "card_number": "4000000000000002"}}
    send(history, KEY, changes=declined)
    send(history, KEY)

    assert messages(history) == []


@pytest.mark.parametrize("scene", [LOST, NOTHING], ids=["charged", "not charged"])
def test_findings_after_a_lost_reply_say_that_the_key_is_unknown_to_the_api(
    scene: Scenario,
) -> None:
    """Otherwise a user who relies on the key would think that the finding is wrong."""
    history = History(scene)
    send(history, KEY)
    send(history, KEY)

    blind = f"{CREATE} was sent again without looking for it first; {UNKNOWN}"
    assert messages(history)[-1] == blind
    assert len(messages(history)) == (2 if scene is LOST else 1)


def test_keys_are_found_in_a_restored_world() -> None:
    """A snapshot contains the headers of requests."""
    history = History()
    send(history, KEY)
    send(history, KEY)
    before = messages(history)
    history.world = history.desk.twin(history.wall).world

    assert messages(history) == before != []
