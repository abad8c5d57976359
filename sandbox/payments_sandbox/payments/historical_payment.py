"""Owns what is known of a payment that was made before its world began."""

from typing import NamedTuple

from payments_sandbox.core.ids import PaymentId
from payments_sandbox.core.instants import Instant
from payments_sandbox.payments.ledger import Order
from payments_sandbox.payments.payment import Status


class Past(NamedTuple):
    """A payment that was made before the world began."""

    at: Instant
    order: Order
    status: Status
    id: PaymentId | None = None
