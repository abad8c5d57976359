"""Tests what an answered call leaves behind: reply, journal entry, orders to the server."""

import json
from typing import Any

import pytest

from payments_sandbox.api.call import Answer
from payments_sandbox.contract.schemas import load_contract
from payments_sandbox.rules.faults.drop import Drop
from payments_sandbox.rules.faults.hang import Hang
from tests.support.http import envelope, invalid
from tests.support.in_process import InProcessApi, call_of, new_world, snapshot
from tests.support.values import documented_create, documented_refund


@pytest.fixture
def desk() -> InProcessApi:
    """A world frozen at noon, behind a gateway."""
    return InProcessApi(new_world())


NUMBERS = {
    "declined": "4000000000000002",
    "server_error_after_commit": "4000009900000053",
    "connection_reset": "4000009900000061",
    "timeout_after_commit": "4000009900000095",
    "rate_limited": "4000009900000103",
    "slow": "4000009900000129",
}


def acted(desk: InProcessApi, name: str) -> tuple[Answer, dict[str, Any]]:
    """Return the answer to a payment with a magic card, and what the journal keeps of it."""
    answer = desk.answer(call_of("create_payment", documented_create(card_number=NUMBERS[name])))
    entry = answer.entry
    kept = {
        field: getattr(entry, field)
        for field in ("card", "status", "fault", "rule", "step", "committed")
    }
    return answer, kept


@pytest.mark.parametrize(
    ("name", "status", "fault", "committed", "payments"),
    [
        ("declined", 400, None, False, 1),
        ("server_error_after_commit", 500, None, True, 1),
        ("connection_reset", None, Drop(commit=False, how="reset"), False, 0),
        ("timeout_after_commit", None, Hang(commit=True), True, 1),
        ("rate_limited", 429, None, False, 0),
        ("slow", 201, None, True, 1),
    ],
)
def test_the_rule_of_a_magic_card_sets_the_answer_and_the_journal_entry(  # noqa: PLR0913 - the columns of the table
    desk: InProcessApi, name: str, status: int | None, fault: Drop | Hang | None,
    committed: bool, payments: int,  # noqa: FBT001 - a parameter of the test
) -> None:  # fmt: skip
    """The answer has the fault and the delay; the entry has the rule and `committed`."""
    answer, kept = acted(desk, name)

    assert (answer.fault, answer.delay) == (fault, 3_000 if name == "slow" else 0)
    assert len(desk.world.ledger.payments) == payments
    assert kept == {
        "card": f"visa {NUMBERS[name][-4:]}",
        "status": status,
        "fault": None if fault is None else type(fault).__name__.lower(),
        "rule": f"card:{name}",
        "step": 1,
        "committed": committed,
    }


def test_the_journal_masks_card_data_in_bodies_headers_and_queries(desk: InProcessApi) -> None:
    """In well-formed and malformed bodies."""
    desk.ask("create_payment", documented_create(cvc="1234"))
    desk.ask("create_payment", b'{"cvc": 8731,')
    desk.ask("list_payments", query="customer_id=4111111111111111&limit=5")
    first, second, third = snapshot(desk.world)["journal"]["entries"]  # type: ignore[index]  # JSON

    assert first["body"] == documented_create(card_number="************1111", cvc="****")
    assert first["headers"] == [["Authorization", "Bearer sk_test_…"]]
    assert json.loads(first["reply_body"])["error"]["code"] == "invalid_cvc"
    assert second["body"] == '{"cvc": ****,'
    assert third["path"] == "/v3/payments?customer_id=************1111&limit=5"


def test_a_refund_is_checked_by_the_ledger_before_the_card_declines_it(desk: InProcessApi) -> None:
    card = documented_create(card_number="4000000000005126")
    payment_id = desk.ask("create_payment", card)[1]["id"]
    too_much = documented_refund(amount=2_501)

    assert [
        desk.ask("create_refund", body, payment_id=payment_id)
        for body in (too_much, {"amount": 0}, {})
    ] == [
        (400, envelope("refund_exceeds_payment", "2500 of 2500 is left to refund.")),
        (
            400,
            invalid(
                "/amount: expected an integer from 1 to 99999999,"
                " in minor units (2500 is 25.00 USD)."
            ),
        ),
        (400, envelope("refund_declined")),
    ]


def test_a_lenient_contract_accepts_undocumented_fields_and_journals_them_masked() -> None:
    desk = InProcessApi(new_world(), with_contract=load_contract(lenient=True))
    body = {**documented_create(cvc="873"), "cvv": "873", "note": "4111111111111111"}
    status, _ = desk.ask("create_payment", body)
    (entry,) = snapshot(desk.world)["journal"]["entries"]  # type: ignore[index]  # JSON

    assert status == 201
    assert entry["body"] == {
        **documented_create(card_number="************1111", cvc="***"),
        "cvv": "***",
        "note": "************1111",
    }
