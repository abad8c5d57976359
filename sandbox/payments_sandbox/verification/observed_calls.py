"""Owns calls as the judges see them: entries of the journal, and what they were about."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qsl

import orjson

from payments_sandbox.core.card_numbers import Brand, brand_of
from payments_sandbox.core.masking import mask_headers, mask_number
from payments_sandbox.payments.payment import Payment
from payments_sandbox.rules.faults import FAULTS
from payments_sandbox.rules.model import OF_PAYMENT, Condition, When
from payments_sandbox.world.journal import Entry
from payments_sandbox.world.world import World

_PAYMENT: Final = 3
"""Which segment of a documented path is the payment's id."""

_IN_QUERY: Final = frozenset({"customer_id", "status"})
_SERVER_ERROR: Final = 500
_ARRIVING: Final = frozenset(fault.name for fault in FAULTS if fault.reply_arrives)
_SUCCESS: Final = range(200, 300)


class CallSeen:
    """One call of the journal; `look` sees what rules see, card numbers masked.

    Attributes:
        id: its `req_…` id.
    """

    __slots__ = ("_body", "_world", "entry", "id")

    def __init__(self, world: World, entry: Entry) -> None:
        self._world = world
        self.entry = entry
        self.id = world.journal.id_of(entry)
        body = entry.body
        self._body: dict[str, object] = body if isinstance(body, dict) else {}

    @property
    def is_lost(self) -> bool:
        """Whether its client cannot know what has become of it."""
        entry = self.entry
        is_hidden = entry.fault is not None and entry.fault not in _ARRIVING
        return is_hidden or entry.status is None or entry.status >= _SERVER_ERROR

    @property
    def is_success(self) -> bool:
        """Whether its client was told that all is well."""
        return not self.is_lost and self.entry.status in _SUCCESS

    @property
    def target(self) -> str:
        """Path and query."""
        return self.entry.path

    @property
    def likeness(self) -> tuple[str, ...]:
        """What makes a later call a repetition of this one."""
        if self.entry.operation == "create_payment":
            keys = ("customer_id", "amount", "currency", "description")
            return tuple(repr(self._body.get(key)) for key in keys)
        return (self.target, str(self.entry.body))

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters; of several the first."""
        pairs = parse_qsl(self.target.partition("?")[2], keep_blank_values=True)
        return dict(reversed(pairs))

    @property
    def reply(self) -> dict[str, object]:
        """The JSON object that was answered, where no fault took its place."""
        body: dict[str, object] = orjson.loads(self.entry.reply_body)
        return body

    @property
    def code(self) -> str:
        """The code of the error that was answered; empty where it was none."""
        return str(self._error.get("code", ""))

    @property
    def message(self) -> str:
        """The sentence of the error that was answered."""
        return str(self._error.get("message", ""))

    @property
    def _error(self) -> dict[str, object]:
        is_ours = self.entry.status is not None and self.entry.fault is None
        error = self.reply.get("error") if is_ours else None
        return error if isinstance(error, dict) else {}

    @property
    def payment_id(self) -> str | None:
        """The payment that its path names."""
        segments = self.target.partition("?")[0].split("/")
        return segments[_PAYMENT] if len(segments) > _PAYMENT else None

    def look(self, field: str) -> object:
        """The value of a field; None when there is none."""
        if field.startswith("header."):
            headers = {
                name.lower(): text for name, text in mask_headers(self.entry.headers).items()
            }
            return headers.get(field.removeprefix("header."))
        if field.startswith("query."):
            return self.query.get(field.removeprefix("query."))
        match field:
            case "card":
                return self._card()
            case "brand":
                return self._brand()
            case "payment_id":
                return self.payment_id
            case _:
                return self._plain(field)

    def _plain(self, field: str) -> object:
        if field in self._body:
            return self._body[field]
        if self.entry.operation == "list_payments":
            return self.query.get(field) if field in _IN_QUERY else None
        payment = self._payment() if field in OF_PAYMENT else None
        value: object = None if payment is None else getattr(payment, field)
        return value

    def _card(self) -> str | None:
        method = self._body.get("payment_method")
        number = method.get("card_number") if isinstance(method, dict) else None
        if isinstance(number, str):
            return number
        play, payment = self._world.script.play, self._payment()
        known = play.number_of(payment.card.fingerprint) if play and payment else None
        return None if known is None else mask_number(known)

    def _brand(self) -> str | None:
        shown = (self.entry.card or "").partition(" ")[0]
        if shown in set(Brand):
            return shown
        payment = self._payment()
        return None if payment is None else str(payment.card.brand)

    def _payment(self) -> Payment | None:
        payments = self._world.ledger.payments
        number = None if self.payment_id is None else payments.number_of(self.payment_id)
        return None if number is None else payments.get(number)


def calls_seen(world: World) -> Iterator[CallSeen]:
    """The calls of documented operations that the journal still has, oldest first."""
    for entry in world.journal.since(0):
        if entry.operation is not None:
            yield CallSeen(world, entry)


def in_journal(when: When) -> When:
    """Conditions as the journal can meet them: it has card numbers masked."""
    return tuple(_masked(each) if each.field == "card" else each for each in when)


def _masked(condition: Condition) -> Condition:
    operand = condition.operand
    if isinstance(operand, tuple):
        return condition._replace(operand=tuple(_mask(each) for each in operand))
    return condition._replace(operand=_mask(operand))


def _mask(operand: object) -> str | bool:
    text = str(operand)
    if isinstance(operand, bool):
        return operand
    return mask_number(text) if brand_of(text) is not None else text
