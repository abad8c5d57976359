"""Owns the expectation `refunds`: how many refunds there are, and what they add up to."""

from dataclasses import dataclass
from typing import Final

from payments_sandbox.core.slices import SLICE, Slices
from payments_sandbox.payments.events import Event, Refund
from payments_sandbox.rules.conditions import matches, parse_when
from payments_sandbox.rules.fields import PaymentFields
from payments_sandbox.rules.model import When
from payments_sandbox.verification.expectations.counting import (
    Count,
    Tally,
    parse_count,
    records_schema,
)
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

    def evaluate(self, context: EvaluationContext) -> Slices[ExpectationResult]:
        """Count the refunds by their events; events that were made by hand are none."""
        world, found = context.observed.world, Tally()
        for number in range(world.ledger.events):
            if number % SLICE == 0:
                yield
            event = world.ledger.any_event(number)
            if not isinstance(event, Event) or not isinstance(event.reversal, Refund):
                continue
            payment = world.ledger.payments.get(world.ledger.number_of(event.payment_id))
            if matches(self.conditions, PaymentFields(payment, world.rules.number_of, event)):
                found.add(event.reversal.id, event.amount)
        return found.result(self.count, self.total)


def _parse(plain: Plain) -> RefundCount:
    count, total = parse_count(plain.get("count")), parse_count(plain.get("total"))
    return RefundCount(parse_when(plain["refunds"]), count, total)


REFUNDS: Final = ExpectationKind(
    key="refunds",
    docs="the same of refunds",
    schema=records_schema("refunds", "Refunds that there are.", "{payment_id: pay_old}"),
    examples=({"refunds": {"payment_id": "pay_old"}, "total": 1200},),
    parse=_parse,
    matchers="refunds",
    fields=("payment_id", "amount", "currency", "customer_id", "reason"),
)
