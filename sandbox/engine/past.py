"""Owns what is known of a payment that was made before its world began."""

from typing import NamedTuple

from sandbox.domain.ids import PaymentId
from sandbox.domain.instants import Instant
from sandbox.domain.payments import Status
from sandbox.engine.ledger import Order


class Past(NamedTuple):
    """A payment that was made before the world began."""

    at: Instant
    order: Order
    status: Status
    id: PaymentId | None = None
