"""The magic cards: names, numbers and outcomes."""

import re

import pytest

from payments_sandbox.contract.error_codes import CODES
from payments_sandbox.core.card_numbers import Brand, brand_of, passes_luhn
from payments_sandbox.core.instants import DAY, HOUR
from payments_sandbox.payments.cards import fingerprint
from payments_sandbox.payments.payment import Status
from payments_sandbox.rules.actions import ChargeBack
from payments_sandbox.rules.faults.drop import Drop
from payments_sandbox.rules.faults.hang import Hang
from payments_sandbox.rules.magic_cards import MAGIC_CARDS, MagicCard
from payments_sandbox.rules.model import CardRule, EventRule, Per, RequestRule, Step, Then
from payments_sandbox.rules.outcomes import MoveRateLimit, Pass, Respond
from payments_sandbox.rules.settle import Settle
from payments_sandbox.rules.step_outcome import Outcome, Settlement
from tests.support.tables import for_each

OURS = re.compile("40000099[0-9]{8}")
PAY = {
    "visa": ("4111111111111111", "visa"),
    "visa_2": ("4242424242424242", "visa"),
    "visa_debit": ("4000056655665556", "visa"),
    "mastercard": ("5555555555554444", "mastercard"),
    "mastercard_2series": ("2223003122003222", "mastercard"),
    "amex": ("378282246310005", "amex"),
    "discover": ("6011111111111117", "discover"),
    "diners": ("3056930009020004", "diners"),
    "jcb": ("3566002020360505", "jcb"),
    "unionpay": ("6200000000000005", "unionpay"),
}
DECLINE = {
    "declined": ("4000000000000002", "card_declined"),
    "insufficient_funds": ("4000000000009995", "insufficient_funds"),
    "lost_card": ("4000000000009987", "lost_card"),
    "stolen_card": ("4000000000009979", "stolen_card"),
    "expired_card": ("4000000000000069", "expired_card"),
    "incorrect_cvc": ("4000000000000127", "incorrect_cvc"),
    "processing_error": ("4000000000000119", "processing_error"),
    "velocity_exceeded": ("4000000000006975", "card_velocity_exceeded"),
    "fraud_suspected": ("4100000000000019", "fraud_suspected"),
}
CHARGED_BACK = {
    "chargeback_fraudulent": ("4000000000000259", "fraudulent"),
    "chargeback_not_received": ("4000000000002685", "product_not_received"),
}
OF_OURS: dict[str, tuple[str, str, Outcome]] = {
    "pending_then_completed": (
        "4000009900000012",
        "pending",
        Settle((Settlement(Status.COMPLETED, HOUR),)),
    ),
    "pending_then_failed": (
        "4000009900000020",
        "pending",
        Settle((Settlement(Status.FAILED, HOUR),)),
    ),
    "pending_forever": ("4000009900000038", "pending", Settle(())),
    "server_error": ("4000009900000046", "internal_error", Respond("internal_error")),
    "server_error_after_commit": (
        "4000009900000053",
        "internal_error",
        Respond("internal_error", commit=True),
    ),
    "connection_reset": ("4000009900000061", "connection reset", Drop(commit=False, how="reset")),
    "connection_reset_after_commit": (
        "4000009900000079",
        "connection reset",
        Drop(commit=True, how="reset"),
    ),
    "timeout": ("4000009900000087", "no reply", Hang(commit=False)),
    "timeout_after_commit": ("4000009900000095", "no reply", Hang(commit=True)),
    "rate_limited": ("4000009900000103", "rate_limit_exceeded", MoveRateLimit(0)),
    "slow": ("4000009900000129", "completed", Pass()),
}
BY_NAME = {card.name: card for card in MAGIC_CARDS}


def number_in(rule: CardRule) -> str:
    """Return the card number that a rule matches."""
    [condition] = rule.when
    assert (condition.field, condition.operator) == ("card", "eq")
    return str(condition.operand)


def facts(name: str) -> tuple[str, str, str]:
    """Return number, operation and outcome of a card."""
    card = BY_NAME[name]
    return card.number, card.operation, card.outcome


def rule_of(name: str) -> RequestRule:
    """Return the only rule of a card, a request rule."""
    (rule,) = BY_NAME[name].rules
    assert isinstance(rule, RequestRule)
    return rule


def test_the_table_has_exactly_the_cards_listed_here() -> None:
    """Cards that pay or decline are in this order."""
    others = {"refund_declined", "fails_twice_then_completes"}

    assert list(BY_NAME)[: len(PAY) + len(DECLINE)] == [*PAY, *DECLINE]
    listed = {*PAY, *DECLINE, *CHARGED_BACK, *OF_OURS, *others}
    assert set(BY_NAME) == listed, "name a new card above, in the group that says what it does"
    assert len(BY_NAME) == len(MAGIC_CARDS)


def test_card_numbers_and_fingerprints_are_unique() -> None:
    """Rules match cards by their fingerprint."""
    assert len({card.number for card in MAGIC_CARDS}) == len(MAGIC_CARDS)
    assert len({fingerprint(card.number) for card in MAGIC_CARDS}) == len(MAGIC_CARDS)


@for_each("card", MAGIC_CARDS, show=lambda card: card.name)
def test_every_card_number_has_a_valid_check_digit_and_brand(card: MagicCard) -> None:
    """Clients that validate card numbers therefore accept it."""
    assert passes_luhn(card.number)
    assert brand_of(card.number) is not None


def test_the_block_40000099_has_only_the_sandboxs_own_cards() -> None:
    """No other provider's test cards use this block, so there are no conflicts."""
    inside = {card.name for card in MAGIC_CARDS if OURS.fullmatch(card.number)}

    assert inside == {*OF_OURS, "fails_twice_then_completes"}


@for_each("name", PAY)
def test_a_card_without_a_rule_completes(name: str) -> None:
    number, brand = PAY[name]

    assert facts(name) == (number, "create_payment", "completed")
    assert (brand_of(number), BY_NAME[name].rules) == (Brand(brand), ())


@for_each("name", DECLINE)
def test_a_decline_card_always_declines_with_its_code(name: str) -> None:
    number, code = DECLINE[name]
    rule = rule_of(name)

    assert facts(name) == (number, "create_payment", code)
    assert (rule.operation, number_in(rule), rule.then) == (
        "create_payment", number, Then.REPEAT_LAST,
    )  # fmt: skip
    assert rule.steps == (Step(Respond(code)),)
    assert CODES[code].is_decline


@pytest.mark.parametrize("name", CHARGED_BACK)
def test_a_chargeback_card_is_charged_back_after_one_day(name: str) -> None:
    """The day is a day of virtual time after completion."""
    number, reason = CHARGED_BACK[name]
    (rule,) = BY_NAME[name].rules

    assert facts(name) == (number, "create_payment", "completed")
    assert isinstance(rule, EventRule)
    assert (rule.event, number_in(rule), rule.after, rule.action) == (
        "payment.completed", number, DAY, ChargeBack(reason),
    )  # fmt: skip


@for_each("name", OF_OURS)
def test_a_card_of_the_own_block_always_has_the_same_outcome(name: str) -> None:
    number, outcome, what = OF_OURS[name]
    rule = rule_of(name)
    delay = 3_000 if name == "slow" else 0

    assert facts(name) == (number, "create_payment", outcome)
    assert (rule.operation, number_in(rule), rule.then) == (
        "create_payment", number, Then.REPEAT_LAST,
    )  # fmt: skip
    assert rule.steps == (Step(what, delay=delay),)


def test_fails_twice_then_completes_counts_per_customer() -> None:
    """After two failures it is an ordinary card for that customer."""
    rule = rule_of("fails_twice_then_completes")

    assert BY_NAME["fails_twice_then_completes"].number == number_in(rule) == "4000009900000111"
    assert (rule.per, rule.then) == (Per.CUSTOMER, Then.PASS)
    assert rule.steps == (Step(Respond("internal_error"), times=2),)


def test_the_refund_declined_card_declines_refunds_only() -> None:
    """The payment itself completes."""
    rule = rule_of("refund_declined")

    assert facts("refund_declined") == ("4000000000005126", "create_refund", "refund_declined")
    assert (rule.operation, number_in(rule), rule.then) == (
        "create_refund", "4000000000005126", Then.REPEAT_LAST,
    )  # fmt: skip
    assert rule.steps == (Step(Respond("refund_declined")),)


def test_the_json_of_a_card_has_six_fields() -> None:
    """The command line and the control API list them."""
    assert BY_NAME["declined"].as_json() == {
        "name": "declined",
        "number": "4000000000000002",
        "brand": "visa",
        "operation": "create_payment",
        "outcome": "card_declined",
        "description": (
            "The issuer declines with card_declined; the attempt is kept as a failed payment."
        ),
    }


@for_each("card", MAGIC_CARDS, show=lambda card: card.name)
def test_a_card_rule_is_named_after_its_card(card: MagicCard) -> None:
    """The journal therefore shows which card answered."""
    assert [(rule.name, number_in(rule)) for rule in card.rules] in (
        [],
        [(f"card:{card.name}", card.number)],
    )


@for_each("card", MAGIC_CARDS, show=lambda card: card.name)
def test_a_card_answers_only_with_errors_documented_for_its_operation(card: MagicCard) -> None:
    answers = [
        (rule.operation, step.outcome.error)
        for rule in card.rules
        if isinstance(rule, RequestRule)
        for step in rule.steps
        if isinstance(step.outcome, Respond)
    ]

    assert [pair for pair in answers if pair[0] not in CODES[pair[1]].operations] == []
