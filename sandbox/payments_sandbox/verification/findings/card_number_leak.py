"""Owns the finding `card_number_leak`: card numbers in text fields."""

from collections.abc import Iterator
from typing import Final

from payments_sandbox.verification.findings.finding import FindingKind, Occurrence, ids_of
from payments_sandbox.verification.observed import Observed


def _find(observed: Observed) -> Iterator[Occurrence]:
    if leaked := [call for call in observed.calls if call.entry.leaked]:
        message = "A card number was sent as description, reason or customer_id."
        yield Occurrence(message, ids_of(leaked))


CARD_NUMBER_LEAK: Final = FindingKind(
    name="card_number_leak",
    advice="Card numbers belong in payment_method and nowhere else.",
    reported="a card number was in `description`, `reason` or `customer_id`",
    not_reported="a card number in `payment_method`; other long numbers, such as order numbers",
    find=_find,
)
