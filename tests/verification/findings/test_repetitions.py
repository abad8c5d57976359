"""Writes that an HTTP library retried by itself, without a decision of the program."""

from dataclasses import replace
from typing import Final

import pytest

from payments_sandbox.rules.scenario import Scenario
from tests.support.in_process import AUTHORIZATION, History, call_of, rules_of
from tests.support.values import documented_create

BY_ITSELF: Final = (
    "ms later over a new connection, too soon to have looked for it: some HTTP libraries retry on"
    " their own (libcurl, HttpURLConnection, browsers)."
)
BLIND: Final = "was sent again without looking for it first."
LOST: Final = rules_of("- {request: create_payment, do: [{drop: {commit: true}}]}")
FAILED: Final = rules_of(
    "- {request: create_payment, do: [{respond: {error: internal_error, commit: true}}]}"
)
AGENT: Final = ((b"User-Agent", b"shop/1"),)


def send(
    history: History,
    connection: int | None,
    *,
    agent: tuple[tuple[bytes, bytes], ...] = (),
    took: float = 0.0,
    refund: int | None = None,
) -> None:
    """Create a payment over a connection, or refund part of the first one."""
    operation, body = "create_payment", documented_create()
    payment_id = ""
    if refund is not None:
        operation, body, payment_id = "create_refund", {"amount": refund}, history.payment()
    call = call_of(operation, body, payment_id=payment_id, headers=(AUTHORIZATION, *agent))
    answer = history.desk.answer(replace(call, connection=connection))
    answer.entry.duration_ms = took


def look(history: History, connection: int | None) -> None:
    """List payments over a connection, which stays open."""
    call = call_of("list_payments", headers=(AUTHORIZATION,))
    history.desk.answer(replace(call, connection=connection))


def messages(history: History) -> list[str]:
    """Return the messages of the findings after the customer."""
    return [each.message.partition("cust_abc123 ")[2] for each in history.findings()]


@pytest.mark.parametrize("wait", [0, 2, 30])
def test_a_payment_retried_by_an_http_library_is_described_as_such(wait: int) -> None:
    """Both findings have the time since the loss."""
    history = History(LOST)
    look(history, 1)
    send(history, 1, took=3.4)
    history.wait(3 + wait)
    send(history, 2)

    assert messages(history) == [
        f"may have been charged 2 times: it was sent again {wait} {BY_ITSELF}",
        f"was sent again {wait} {BY_ITSELF}",
    ]


@pytest.mark.parametrize(
    ("scene", "wait", "connections", "agent"),
    [
        (LOST, 34, (1, 1, 2), ()),
        (LOST, 2, (1, 1, 2), ()),
        (LOST, 4, (1, 1, 1), ()),
        (LOST, 4, (0, 1, 2), ()),
        (LOST, 4, (None, None, 2), ()),
        (LOST, 4, (1, 1, 2), AGENT),
        (FAILED, 4, (1, 1, 2), ()),
    ],
    ids=[
        "after a pause",
        "before the loss",
        "on the same connection",
        "first sent on a new connection",
        "without a network",
        "with other headers",
        "after a reply",
    ],
)
def test_a_retry_that_a_program_may_have_made_has_the_usual_message(
    scene: Scenario,
    wait: int,
    connections: tuple[int | None, int | None, int],
    agent: tuple[tuple[bytes, bytes], ...],
) -> None:
    """Each row has a sign that no library retried by itself."""
    history = History(scene)
    look(history, connections[0])
    send(history, connections[1], took=3.0)
    history.wait(wait)
    send(history, connections[2], agent=agent)

    assert messages(history) == ["may have been charged 2 times.", BLIND]


def test_a_refund_retried_by_an_http_library_is_described_as_such() -> None:
    """Libraries do this for any POST."""
    lost = rules_of("- {request: create_refund, do: [{drop: {commit: true}}]}")
    history = History(lost)
    send(history, 1)
    send(history, 1, refund=500)
    send(history, 2, refund=500)

    refund = f"The refund of 500 of {history.payment()}"
    assert sorted(each.message for each in history.findings()) == [
        f"{refund} may have been made 2 times: it was sent again 0 {BY_ITSELF}",
        f"{refund} was sent again 0 {BY_ITSELF}",
    ]
