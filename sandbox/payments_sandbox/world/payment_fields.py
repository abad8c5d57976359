"""Owns what rules can look at in a payment, and in an event about it."""

from payments_sandbox.payments.events import Event
from payments_sandbox.payments.payment import Payment
from payments_sandbox.rules.model import OF_PAYMENT
from payments_sandbox.rules.rule_engine import RuleEngine


class PaymentFields:
    """A payment; with an event about it, the event's amount and reason come first."""

    __slots__ = ("_event", "_payment", "_play")

    def __init__(
        self, payment: Payment, play: RuleEngine | None, event: Event | None = None
    ) -> None:
        self._payment = payment
        self._play = play
        self._event = event

    def get(self, field: str) -> object:
        """The value of a field; None when there is none."""
        payment = self._payment
        match field:
            case "card":
                play = self._play
                return None if play is None else play.number_of(payment.card.fingerprint)
            case "brand":
                return str(payment.card.brand)
            case "payment_id":
                return payment.id
            case "reason" | "amount" if self._event is not None:
                return _told(self._event, field)
            case _ if field in OF_PAYMENT:
                value: object = getattr(payment, field)
                return value
            case _:
                return None


def _told(event: Event, field: str) -> object:
    if field == "amount":
        return event.amount
    return None if event.reversal is None else event.reversal.reason
