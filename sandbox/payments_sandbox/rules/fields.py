"""Owns the fields in conditions: one table of their names, and their values by subject.

A subject is a call (a new one, or one in the journal), a payment, or an event about a payment.
Conditions, the lint and the documentation read `FIELDS`.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Final, NamedTuple, Protocol
from urllib.parse import parse_qsl

from payments_sandbox.contract.operations import BY_NAME
from payments_sandbox.core.card_numbers import brand_of
from payments_sandbox.payments.cards import Card
from payments_sandbox.payments.events import Event
from payments_sandbox.payments.payment import Payment

CALL: Final = "call"
"""The number of a call among those with the same key, counted from 1."""

ATTEMPT: Final = "attempt"
"""The number of an attempt of a delivery, counted from 1."""

HEADER: Final = "header."
QUERY: Final = "query."

KnownCard = Callable[[int], str | None]
"""Returns the card number for a fingerprint, if a rule names that card, else None."""


class Fields(Protocol):
    """The values that conditions test."""

    def get(self, name: str, /) -> object:
        """Return the value of a field, or None if there is none."""


class FieldSource(NamedTuple):
    """Where the value of a field comes from.

    Attributes:
        matcher: the definition in the scenario schema that its matchers follow.
        about: its description in the schema.
        subjects: what has the field: an operation, `*` for any operation, or `event`, `webhook`
            and `at` for the rules with these triggers. Expectations list their own fields.
        in_body: whether the body of a call may contain it; that has precedence over the payment.
        in_query: whether the query of LIST PAYMENTS may contain it.
        attribute: the payment's attribute with the value, or None.
    """

    name: str
    matcher: str
    about: str
    subjects: frozenset[str]
    in_body: bool = False
    in_query: bool = False
    attribute: str | None = None


_PAYMENT_TRIGGERS: Final = frozenset({"event", "webhook", "at"})
_OPERATIONS: Final = frozenset({*BY_NAME, "*"})
_ABOUT_A_PAYMENT: Final = (_OPERATIONS - {"list_payments"}) | _PAYMENT_TRIGGERS

FIELDS: Final = (
    FieldSource(
        "card", "card_match", "The card: its number, or a magic card's name.", _ABOUT_A_PAYMENT
    ),
    FieldSource("brand", "brand_match", "The card's brand.", _ABOUT_A_PAYMENT),
    FieldSource(
        "amount",
        "number_match",
        "In minor units: 5000 is 50.00.",
        _ABOUT_A_PAYMENT,
        in_body=True,
        attribute="amount",
    ),
    FieldSource(
        "currency",
        "currency_match",
        "The currency.",
        _ABOUT_A_PAYMENT,
        in_body=True,
        attribute="currency",
    ),
    FieldSource(
        "customer_id",
        "text_match",
        "The customer.",
        _ABOUT_A_PAYMENT | {"list_payments"},
        in_body=True,
        in_query=True,
        attribute="customer_id",
    ),
    FieldSource(
        "payment_id",
        "text_match",
        "The payment that the path names.",
        _ABOUT_A_PAYMENT - {"create_payment"},
        attribute="id",
    ),
    FieldSource(
        "description",
        "text_match",
        "The description.",
        _ABOUT_A_PAYMENT,
        in_body=True,
        attribute="description",
    ),
    FieldSource(
        "reason",
        "text_match",
        "The reason of a refund or a chargeback.",
        frozenset({"create_refund", "*", "event", "webhook"}),
        in_body=True,
    ),
    FieldSource(
        "status",
        "status_match",
        "The status of the payment, or that a list asks for.",
        _ABOUT_A_PAYMENT - {"create_payment"} | {"list_payments"},
        in_query=True,
        attribute="status",
    ),
    FieldSource(
        CALL,
        "count_match",
        "Which call of this rule, counted per `per` from 1.",
        _OPERATIONS | _PAYMENT_TRIGGERS,
    ),
    FieldSource(
        ATTEMPT,
        "attempt_match",
        "Which attempt of a delivery, counted from 1; webhook rules only.",
        frozenset({"webhook"}),
    ),
)

_SOURCES: Final = {source.name: source for source in FIELDS}


def has_field(subject: str, name: str) -> bool:
    """Whether a subject, one of `FieldSource.subjects`, can have the field."""
    if name.startswith((HEADER, QUERY)):
        return subject in _OPERATIONS
    return subject in _SOURCES[name].subjects


class CallParts(NamedTuple):
    """The parts of a call from which its fields are read.

    Attributes:
        body: the JSON object in its body; empty if there is none.
        query: the raw query string.
        headers: returns the headers by their names in lower case.
        payment_id: the id of the payment in the path; empty if there is none.
        find_payment: returns the payment with an id.
        brand: the brand of the card, if it is known; otherwise it is found from the number.
    """

    operation: str | None
    body: Mapping[str, object]
    query: str
    headers: Callable[[], Mapping[str, str]]
    payment_id: str
    find_payment: Callable[[str], Payment | None]
    brand: str | None = None


class CallFields:
    """The fields of a call: from its body or query, else from the payment in its path."""

    def __init__(self, parts: CallParts, known_card: KnownCard) -> None:
        self._parts = parts
        self._known_card = known_card
        operation = BY_NAME.get(parts.operation or "")
        self._has_query = operation is not None and operation.query is not None

    def get(self, name: str, /) -> object:
        """Return the value of a field by its name in `when`; header names are in lower case."""
        source = _SOURCES.get(name)
        if source is None:
            return self._header_or_parameter(name)
        if source.in_body and name in self._parts.body:
            return self._parts.body[name]
        match name:
            case "card":
                return self._number
            case "brand":
                return self._brand()
            case "payment_id":
                return self._parts.payment_id or None
            case _:
                return self._from_query_or_payment(source)

    def _header_or_parameter(self, name: str) -> object:
        if name.startswith(HEADER):
            return self._headers.get(name.removeprefix(HEADER))
        return self.query.get(name.removeprefix(QUERY))

    def _from_query_or_payment(self, source: FieldSource) -> object:
        if self._has_query and source.in_query:
            return self.query.get(source.name)
        if source.attribute is None or self.payment is None:
            return None
        value: object = getattr(self.payment, source.attribute)
        return value

    def _brand(self) -> str | None:
        if self._parts.brand is not None:
            return self._parts.brand
        number = self._number
        if number is None or not number.isdecimal():  # masked, or not a card number
            return None if self.payment is None else str(self.payment.card.brand)
        brand = brand_of(number)
        return None if brand is None else str(brand)

    @cached_property
    def _number(self) -> str | None:
        method = self._parts.body.get("payment_method")
        number = method.get("card_number") if isinstance(method, dict) else None
        if isinstance(number, str | int) and not isinstance(number, bool):
            return str(number)
        return None if self.payment is None else self._known_card(self.payment.card.fingerprint)

    @cached_property
    def payment(self) -> Payment | None:
        """The payment in the path, if the world has it."""
        payment_id = self._parts.payment_id
        return self._parts.find_payment(payment_id) if payment_id else None

    @cached_property
    def query(self) -> dict[str, str]:
        """The parameters of the query; of several with the same name, the first."""
        pairs = parse_qsl(self._parts.query, keep_blank_values=True)
        return dict(reversed(pairs))

    @cached_property
    def _headers(self) -> Mapping[str, str]:
        return self._parts.headers()


class PaymentLike(Protocol):
    """A payment, or a new one that has neither an id nor a status yet."""

    @property
    def card(self) -> Card:
        """What is kept of the card."""


class PaymentFields:
    """The fields of a payment, or of an event about it, whose amount and reason come first."""

    __slots__ = ("_event", "_known_card", "_payment")

    def __init__(
        self, payment: PaymentLike, known_card: KnownCard, event: Event | None = None
    ) -> None:
        self._payment = payment
        self._known_card = known_card
        self._event = event

    def get(self, name: str, /) -> object:
        """Return the value of a field by its name in `when`."""
        match name:
            case "card":
                return self._known_card(self._payment.card.fingerprint)
            case "brand":
                return str(self._payment.card.brand)
            case "amount" if self._event is not None:
                return self._event.amount
            case "reason":
                return self._reason()
            case _:
                source = _SOURCES.get(name)
                attribute = None if source is None else source.attribute
                return None if attribute is None else getattr(self._payment, attribute, None)

    def _reason(self) -> str | None:
        reversal = None if self._event is None else self._event.reversal
        return None if reversal is None else reversal.reason
