"""Owns the expectation `payments`: how many payments there are, and what they add up to."""

from collections.abc import Iterator
from typing import Final

from payments_sandbox.payments.payment import Status
from payments_sandbox.rules.fields import PaymentFields
from payments_sandbox.verification.expectations.counting import Record, records_kind
from payments_sandbox.world.world import World


def _find(world: World) -> Iterator[Record]:
    for number in world.ledger.payments.numbers:
        each = world.ledger.payments.get(number)
        fields = PaymentFields(each, world.rules.number_of)
        # Only the status of a payment can change, and only while it is pending.
        yield Record(each.id, each.amount, fields, may_change=each.status is Status.PENDING)


PAYMENTS: Final = records_kind(
    key="payments",
    docs="there are `count` such payments, or their sum is `total`",
    description="The payments that exist.",
    hint="{status: completed}",
    example={"payments": {"status": "completed", "customer_id": "cust_ada"}, "count": 1},
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
    find=_find,
)
