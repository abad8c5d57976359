"""Owns the expectation `payments`: how many payments there are, and what they add up to."""

from dataclasses import dataclass
from typing import Final

from payments_sandbox.core.slices import SLICE, Slices
from payments_sandbox.payments.payment import Status
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
class PaymentCount:
    """So many payments that meet the conditions, and so much money in them (minor units)."""

    conditions: When
    count: Count | None = None
    total: Count | None = None

    def evaluate(self, context: EvaluationContext) -> Slices[ExpectationResult]:
        """Count the payments as they are now."""
        world = context.observed.world
        payments, known = world.ledger.payments, world.rules.number_of
        asks_for_status = any(each.field == "status" for each in self.conditions)
        found = Tally()
        for number in payments.numbers:
            if number % SLICE == 0:
                yield
            each = payments.get(number)
            if matches(self.conditions, PaymentFields(each, known)):
                # Nothing of a payment changes but the status, and that only while it is pending.
                may_leave = asks_for_status and each.status is Status.PENDING
                found.add(each.id, each.amount, may_leave=may_leave)
        return found.result(self.count, self.total)


def _parse(plain: Plain) -> PaymentCount:
    count, total = parse_count(plain.get("count")), parse_count(plain.get("total"))
    return PaymentCount(parse_when(plain["payments"]), count, total)


PAYMENTS: Final = ExpectationKind(
    key="payments",
    docs="there are `count` such payments, or they add up to `total`",
    schema=records_schema("payments", "Payments that there are.", "{status: completed}"),
    examples=({"payments": {"status": "completed", "customer_id": "cust_ada"}, "count": 1},),
    parse=_parse,
    matchers="payments",
    fields=(
        "card",
        "brand",
        "amount",
        "currency",
        "customer_id",
        "payment_id",
        "description",
        "status",
    ),
)
