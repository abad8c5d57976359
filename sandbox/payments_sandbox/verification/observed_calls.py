"""Owns calls as the judges see them: entries of the journal, and what they were about."""

from collections.abc import Iterator
from functools import cached_property
from typing import Final

import orjson

from payments_sandbox.core.card_numbers import Brand, brand_of
from payments_sandbox.core.masking import mask_headers, mask_number
from payments_sandbox.rules.faults import FAULTS
from payments_sandbox.rules.fields import CallFields, CallParts
from payments_sandbox.rules.model import Condition, When
from payments_sandbox.world.journal import Entry
from payments_sandbox.world.world import World

_PAYMENT: Final = 3
"""Which segment of a documented path is the payment's id."""

_SERVER_ERROR: Final = 500
_ARRIVING: Final = frozenset(fault.name for fault in FAULTS if fault.reply_arrives)
_SUCCESS: Final = range(200, 300)


class CallSeen:
    """One call of the journal; `fields` are what rules look at, card numbers masked.

    Attributes:
        id: its `req_…` id.
    """

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

    @cached_property
    def fields(self) -> CallFields:
        """What rules look at in it, as the journal has it: card numbers and credentials masked."""
        entry = self.entry
        brand = (entry.card or "").partition(" ")[0]
        parts = CallParts(
            operation=entry.operation,
            body=self._body,
            query=self.target.partition("?")[2],
            headers=self._headers,
            payment_id=self.payment_id or "",
            find_payment=self._world.ledger.payments.find,
            brand=brand if brand in set(Brand) else None,
        )
        return CallFields(parts, self._known_card)

    def get(self, field: str) -> object:
        """The value of a field; None when there is none."""
        return self.fields.get(field)

    def _headers(self) -> dict[str, str]:
        return {name.lower(): text for name, text in mask_headers(self.entry.headers).items()}

    def _known_card(self, card: int) -> str | None:
        number = self._world.rules.number_of(card)
        return None if number is None else mask_number(number)


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
