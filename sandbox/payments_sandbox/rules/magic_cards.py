"""Owns the magic cards: each is a card number, and rules of scenario steps that say what it does.

Well-known test numbers do what they are known for. The others are in a separate block of Visa
numbers, 40000099000…, and never change.
"""

from typing import Final, NamedTuple

from payments_sandbox.core.card_numbers import brand_of
from payments_sandbox.core.instants import DAY, HOUR, SECOND
from payments_sandbox.payments.payment import Status
from payments_sandbox.rules.actions import ChargeBack
from payments_sandbox.rules.faults.drop import Drop
from payments_sandbox.rules.faults.hang import Hang
from payments_sandbox.rules.model import (
    CardRule,
    Condition,
    EventRule,
    Per,
    RequestRule,
    Step,
    Then,
    When,
)
from payments_sandbox.rules.outcomes import MoveRateLimit, Respond
from payments_sandbox.rules.settle import Settle
from payments_sandbox.rules.step_outcome import Outcome, Settlement


class MagicCard(NamedTuple):
    """A card number that makes the sandbox do the same thing every time.

    Attributes:
        operation: the operation that shows the outcome.
        outcome: what that operation answers, in a word.
        description: what happens, in a sentence.
        rules: the same as rules of the scenario language; empty for a card that pays normally.
    """

    name: str
    number: str
    outcome: str
    description: str
    operation: str = "create_payment"
    rules: tuple[CardRule, ...] = ()

    def as_json(self) -> dict[str, str]:
        """The card as listed by the command line and the control API."""
        return {
            "name": self.name,
            "number": self.number,
            "brand": str(brand_of(self.number)),
            "operation": self.operation,
            "outcome": self.outcome,
            "description": self.description,
        }


def _ordinary_card(name: str, number: str, brand: str) -> MagicCard:
    return MagicCard(name, number, "completed", f"An ordinary {brand} card: the payment completes.")


def card_is(number: str) -> When:
    """The condition of a rule about one card."""
    return (Condition("card", "eq", number),)


def _create_rule(
    name: str, number: str, *steps: Step, then: Then = Then.REPEAT_LAST
) -> RequestRule:
    return RequestRule(f"card:{name}", "create_payment", card_is(number), steps, Per.CUSTOMER, then)


def _declined_card(name: str, number: str, code: str) -> MagicCard:
    return MagicCard(
        name,
        number,
        code,
        f"The issuer declines with {code}; the attempt is kept as a failed payment.",
        rules=(_create_rule(name, number, Step(Respond(code))),),
    )


def _charged_back_card(name: str, number: str, reason: str) -> MagicCard:
    return MagicCard(
        name,
        number,
        "completed",
        f"The payment completes; a day later (virtual) it is charged back as {reason}.",
        rules=(
            EventRule(
                f"card:{name}", "payment.completed", card_is(number), DAY, ChargeBack(reason)
            ),
        ),
    )


def _card_with_step(
    name: str, number: str, outcome: str, what: Outcome | Step, text: str
) -> MagicCard:
    step = what if isinstance(what, Step) else Step(what)
    return MagicCard(name, number, outcome, text, rules=(_create_rule(name, number, step),))


def _pending_card(name: str, number: str, *turns: Settlement, text: str) -> MagicCard:
    return _card_with_step(
        name, number, "pending", Settle(turns), f"The payment is pending; {text}."
    )


MAGIC_CARDS: Final[tuple[MagicCard, ...]] = (
    _ordinary_card("visa", "4111111111111111", "Visa"),
    _ordinary_card("visa_2", "4242424242424242", "Visa"),
    _ordinary_card("visa_debit", "4000056655665556", "Visa debit"),
    _ordinary_card("mastercard", "5555555555554444", "Mastercard"),
    _ordinary_card("mastercard_2series", "2223003122003222", "Mastercard 2-series"),
    _ordinary_card("amex", "378282246310005", "American Express"),
    _ordinary_card("discover", "6011111111111117", "Discover"),
    _ordinary_card("diners", "3056930009020004", "Diners Club"),
    _ordinary_card("jcb", "3566002020360505", "JCB"),
    _ordinary_card("unionpay", "6200000000000005", "UnionPay"),
    _declined_card("declined", "4000000000000002", "card_declined"),
    _declined_card("insufficient_funds", "4000000000009995", "insufficient_funds"),
    _declined_card("lost_card", "4000000000009987", "lost_card"),
    _declined_card("stolen_card", "4000000000009979", "stolen_card"),
    _declined_card("expired_card", "4000000000000069", "expired_card"),
    _declined_card("incorrect_cvc", "4000000000000127", "incorrect_cvc"),
    _declined_card("processing_error", "4000000000000119", "processing_error"),
    _declined_card("velocity_exceeded", "4000000000006975", "card_velocity_exceeded"),
    _declined_card("fraud_suspected", "4100000000000019", "fraud_suspected"),
    _charged_back_card("chargeback_fraudulent", "4000000000000259", "fraudulent"),
    _charged_back_card("chargeback_not_received", "4000000000002685", "product_not_received"),
    MagicCard(
        "refund_declined",
        "4000000000005126",
        "refund_declined",
        "The payment completes; its refunds are declined with refund_declined.",
        operation="create_refund",
        rules=(
            RequestRule(
                "card:refund_declined",
                "create_refund",
                card_is("4000000000005126"),
                (Step(Respond("refund_declined")),),
                Per.PAYMENT,
                Then.REPEAT_LAST,
            ),
        ),
    ),
    _pending_card(
        "pending_then_completed",
        "4000009900000012",
        Settlement(Status.COMPLETED, HOUR),
        text="an hour later (virtual) it completes",
    ),
    _pending_card(
        "pending_then_failed",
        "4000009900000020",
        Settlement(Status.FAILED, HOUR),
        text="an hour later (virtual) it fails",
    ),
    _pending_card(
        "pending_forever",
        "4000009900000038",
        text="it stays so until it is moved by hand",
    ),
    _card_with_step(
        "server_error",
        "4000009900000046",
        "internal_error",
        Respond("internal_error"),
        "Answers 500, and nothing happened.",
    ),
    _card_with_step(
        "server_error_after_commit",
        "4000009900000053",
        "internal_error",
        Respond("internal_error", commit=True),
        "Answers 500 although the payment is made.",
    ),
    _card_with_step(
        "connection_reset",
        "4000009900000061",
        "connection reset",
        Drop(commit=False, how="reset"),
        "Resets the connection without a reply, and nothing happened.",
    ),
    _card_with_step(
        "connection_reset_after_commit",
        "4000009900000079",
        "connection reset",
        Drop(commit=True, how="reset"),
        "Resets the connection without a reply although the payment is made.",
    ),
    _card_with_step(
        "timeout",
        "4000009900000087",
        "no reply",
        Hang(commit=False),
        "Never replies, and nothing happened; closed after --max-wall-delay.",
    ),
    _card_with_step(
        "timeout_after_commit",
        "4000009900000095",
        "no reply",
        Hang(commit=True),
        "Never replies although the payment is made; closed after --max-wall-delay.",
    ),
    _card_with_step(
        "rate_limited",
        "4000009900000103",
        "rate_limit_exceeded",
        MoveRateLimit(remaining=0),
        "Uses up the rate limit: 429 for this and every call until the hour turns.",
    ),
    MagicCard(
        "fails_twice_then_completes",
        "4000009900000111",
        "internal_error, internal_error, completed",
        "Each customer's first two payments answer 500 and do not happen; later ones complete.",
        rules=(
            _create_rule(
                "fails_twice_then_completes",
                "4000009900000111",
                Step(Respond("internal_error"), times=2),
                then=Then.PASS,
            ),
        ),
    ),
    _card_with_step(
        "slow",
        "4000009900000129",
        "completed",
        Step(delay=3 * SECOND),
        "The payment completes at once; the reply takes 3 s of wall time.",
    ),
)

CARD_RULES: Final[tuple[CardRule, ...]] = tuple(rule for card in MAGIC_CARDS for rule in card.rules)
"""The built-in rules: the same engine applies them after the rules of scenarios."""
