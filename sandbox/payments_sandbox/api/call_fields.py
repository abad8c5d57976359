"""Owns what the rules of scenarios can look at in a call, before anything of it is checked."""

from collections.abc import Mapping
from functools import cached_property
from typing import Final
from urllib.parse import parse_qsl

from payments_sandbox.api.call import Call
from payments_sandbox.contract.operations import BY_NAME
from payments_sandbox.core.card_numbers import brand_of
from payments_sandbox.payments.payment import Payment
from payments_sandbox.rules.model import OF_PAYMENT
from payments_sandbox.world.world import World

_IN_BODY: Final = frozenset({"amount", "currency", "customer_id", "description", "reason"})
_IN_QUERY: Final = frozenset({"customer_id", "status"})


class CallFacts:
    """A call: its body or query first, else the payment that its path names.

    Args:
        body: the body's JSON value, or None when it is not JSON.
    """

    def __init__(self, world: World, call: Call, body: object) -> None:
        self._world = world
        self._call = call
        self._body: Mapping[str, object] = body if isinstance(body, dict) else {}

    def look(self, field: str) -> object:
        """The value of a field; None when there is none."""
        if field in _IN_BODY and field in self._body:
            return self._body[field]
        return self._beside_the_body(field)

    def _beside_the_body(self, field: str) -> object:
        if field.startswith("header."):
            return self._headers.get(field.removeprefix("header."))
        if field.startswith("query."):
            return self._query.get(field.removeprefix("query."))
        match field:
            case "card":
                return self._number
            case "brand":
                return self._brand()
            case "payment_id":
                return self._call.payment_id or None
            case _:
                return self._of_query_or_payment(field)

    def _of_query_or_payment(self, field: str) -> object:
        operation = BY_NAME.get(self._call.operation or "")
        if operation is not None and operation.query is not None and field in _IN_QUERY:
            return self._query.get(field)
        if field in OF_PAYMENT and self._payment is not None:
            value: object = getattr(self._payment, field)
            return value
        return None

    def _brand(self) -> str | None:
        number = self._number
        if number is None or not number.isdecimal():
            return None if self._payment is None else str(self._payment.card.brand)
        brand = brand_of(number)
        return None if brand is None else str(brand)

    @cached_property
    def _number(self) -> str | None:
        method = self._body.get("payment_method")
        number = method.get("card_number") if isinstance(method, dict) else None
        if isinstance(number, str | int) and not isinstance(number, bool):
            return str(number)
        play, payment = self._world.script.play, self._payment
        return None if play is None or payment is None else play.number_of(payment.card.fingerprint)

    @cached_property
    def _payment(self) -> Payment | None:
        if not self._call.payment_id:
            return None
        payments = self._world.ledger.payments
        number = payments.number_of(self._call.payment_id)
        return None if number is None else payments.get(number)

    @cached_property
    def _query(self) -> dict[str, str]:
        pairs = parse_qsl(self._call.query, keep_blank_values=True)
        return dict(reversed(pairs))  # of several the first counts

    @cached_property
    def _headers(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for raw_name, raw_value in self._call.headers:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("utf-8", "replace")
            found[name] = f"{found[name]}, {value}" if name in found else value
        return found
