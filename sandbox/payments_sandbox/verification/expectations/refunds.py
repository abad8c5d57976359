"""Owns the expectation `refunds`: how many refunds there are, and what they add up to."""

from dataclasses import dataclass
from typing import ClassVar, Final

from payments_sandbox.payments.events import Event, EventType
from payments_sandbox.rules.conditions import matches, parse_when
from payments_sandbox.rules.fields import PaymentFields
from payments_sandbox.rules.model import When
from payments_sandbox.verification.expectations.counting import Count, count_and_total, parse_count
from payments_sandbox.verification.expectations.expectation import (
    EvaluationContext,
    ExpectationKind,
    ExpectationResult,
    Plain,
)


@dataclass(frozen=True, slots=True)
class RefundCount:
    """So many refunds that meet the conditions, and so much money in them (minor units)."""

    conditions: When
    count: Count | None = None
    total: Count | None = None
    subject: ClassVar[str] = "refunds"

    def evaluate(self, context: EvaluationContext) -> ExpectationResult:
        """Count the refunds by their events; events that were only announced are none."""
        world = context.observed.world
        found: list[Event] = []
        for number in range(world.ledger.events):
            event = world.ledger.any_event(number)
            if not isinstance(event, Event) or event.type is not EventType.REFUND_CREATED:
                continue
            payment = world.ledger.payments.get(world.ledger.number_of(event.payment_id))
            if matches(self.conditions, PaymentFields(payment, world.rules.number_of, event)):
                found.append(event)
        ids = [each.reversal.id for each in found if each.reversal is not None]
        amount = sum(each.amount for each in found)
        result = count_and_total(self.count, self.total, ids, amount)
        is_too_much = (self.count is not None and self.count.is_exceeded_by(len(ids))) or (
            self.total is not None and self.total.is_exceeded_by(amount)
        )
        return result._replace(is_final=is_too_much)  # refunds are never taken back


def _parse(plain: Plain) -> RefundCount:
    count, total = parse_count(plain.get("count")), parse_count(plain.get("total"))
    return RefundCount(parse_when(plain["refunds"]), count, total)


REFUNDS: Final = ExpectationKind(
    key="refunds",
    docs="the same of refunds",
    schema={
        "description": "Refunds that there are.",
        "x-hint": "refunds has count or total",
        "properties": {
            "refunds": {
                "description": "Which.",
                "x-expected": "a mapping of matchers such as {payment_id: pay_old}",
            },
            "count": {"description": "How many.", "$ref": "#/$defs/count"},
            "total": {
                "description": "The sum of their amounts, in minor units.",
                "$ref": "#/$defs/count",
            },
        },
        "anyOf": [{"required": ["count"]}, {"required": ["total"]}],
    },
    examples=({"refunds": {"payment_id": "pay_old"}, "total": 1200},),
    parse=_parse,
    matchers="refunds",
    fields=("payment_id", "amount", "currency", "customer_id", "reason"),
)
