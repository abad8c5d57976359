"""Owns the expectation `refunds`: how many refunds there are, and what they add up to."""

from collections.abc import Iterator
from typing import Final

from payments_sandbox.payments.events import Event, Refund
from payments_sandbox.rules.fields import PaymentFields
from payments_sandbox.verification.expectations.counting import Record, records_kind
from payments_sandbox.world.world import World


def _find(world: World) -> Iterator[Record | None]:
    """Yield the refunds, found by their events; None stands for any other event."""
    for number in range(world.ledger.events):
        event = world.ledger.any_event(number)
        if isinstance(event, Event) and isinstance(event.reversal, Refund):
            payment = world.ledger.payments.get(world.ledger.number_of(event.payment_id))
            fields = PaymentFields(payment, world.rules.number_of, event)
            yield Record(event.reversal.id, event.amount, fields)
        else:
            yield None


REFUNDS: Final = records_kind(
    key="refunds",
    docs="the same for refunds",
    description="The refunds that exist.",
    hint="{payment_id: pay_old}",
    example={"refunds": {"payment_id": "pay_old"}, "total": 1200},
    fields=("payment_id", "amount", "currency", "customer_id", "reason"),
    find=_find,
)
