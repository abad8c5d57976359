"""Owns the payment operations: parse the call, act on the world, show the result."""

from collections.abc import Container
from functools import partial
from typing import Final, NotRequired, TypedDict, cast

from payments_sandbox.api.apply_step import StepContext, apply_step
from payments_sandbox.api.call import Call, CallResult, Reply
from payments_sandbox.contract import representations
from payments_sandbox.contract.operations import BY_NAME
from payments_sandbox.contract.schemas import Contract, read_pairs
from payments_sandbox.core.errors import parse_field
from payments_sandbox.core.instants import Instant, read_instant
from payments_sandbox.core.masking import mask_number, mask_text
from payments_sandbox.payments import cards
from payments_sandbox.payments.ledger import NewPayment, PaymentFilter
from payments_sandbox.payments.payment import Status
from payments_sandbox.rules.step_outcome import DEFAULT, PaymentOptions
from payments_sandbox.world.world import World

_CREATE: Final = BY_NAME["create_payment"]
_RETRIEVE: Final = BY_NAME["retrieve_payment"]
_LIST: Final = BY_NAME["list_payments"]


class CardMethod(TypedDict):
    """`payment_method` of a create request."""

    card_number: str
    exp_month: int
    exp_year: int
    cvc: str


class CreatePayment(TypedDict):
    """The body of a create request, once the schema has accepted it."""

    amount: int
    currency: str
    payment_method: CardMethod
    description: NotRequired[str]
    customer_id: NotRequired[str]


class ListPayments(TypedDict):
    """The query of a list request, once the schema has accepted it."""

    limit: int
    starting_after: NotRequired[str]
    customer_id: NotRequired[str]
    status: NotRequired[str]
    created_after: NotRequired[str]


def create_payment(
    world: World, contract: Contract, call: Call, body: object, options: PaymentOptions
) -> CallResult:
    """CREATE PAYMENT: check the schema, then the card, then apply the magic card's step."""
    wanted: CreatePayment = contract.check("requests/create_payment", body)
    rules = world.rules
    order = _new_payment(wanted, call.at, rules.named_cards)
    texts = wanted.get("description"), wanted.get("customer_id")
    call.leaked = texts != (order.description, order.customer_id)
    if wanted is body:
        _mask_body(wanted, order)
        call.shown = wanted

    def perform(options: PaymentOptions = DEFAULT) -> CallResult:
        payment = world.create_payment(
            order, at=call.at, failure=options.decline_code, turns=options.turns, rule=options.rule
        )
        payments = world.ledger.payments
        call.payment, call.made = payments.next_number - 1, payment.id
        # A part of the JSON for retrieve, which was validated when it was stored.
        shown = representations.created_payment(payments.retrieve_json(call.payment))
        reply = Reply(_CREATE.success, shown)
        return CallResult(reply, card=order.card, committed=True)

    if options is not DEFAULT:
        return perform(options)
    selected = rules.decide_by_card("create_payment", order)
    if selected is None:
        return perform()
    result = apply_step(selected, StepContext(world, contract, _CREATE), perform)
    result.card = order.card
    return result


def retrieve_payment(
    world: World, contract: Contract, call: Call, body: object, options: PaymentOptions
) -> CallResult:
    """RETRIEVE PAYMENT; some payments settle after a number of reads."""
    ledger = world.ledger
    number = call.payment = ledger.number_of(call.payment_id)
    if world.pending_reads.waits:
        world.count_read(number, at=call.at)
    return CallResult(Reply(_RETRIEVE.success, ledger.payments.retrieve_json(number)))


def list_payments(
    world: World, contract: Contract, call: Call, body: object, options: PaymentOptions
) -> CallResult:
    """LIST PAYMENTS."""
    stored, has_more = world.ledger.page(_filter(contract, call.query))
    return CallResult(
        Reply(_LIST.success, representations.payments_page(stored, has_more=has_more))
    )


def _new_payment(body: CreatePayment, now: Instant, named: Container[int]) -> NewPayment:
    method = body["payment_method"]
    card = cards.check(
        method["card_number"],
        exp_year=method["exp_year"],
        exp_month=method["exp_month"],
        cvc=method["cvc"],
        now=now,
        named_fingerprints=named,
    )
    description, customer_id = body.get("description"), body.get("customer_id")
    return NewPayment(
        amount=body["amount"],
        currency=body["currency"],
        card=card,
        description=None if description is None else mask_text(description),
        customer_id=None if customer_id is None else mask_text(customer_id),
    )


def _mask_body(wanted: CreatePayment, order: NewPayment) -> None:
    """Mask a valid body in place, for the journal; it has been parsed already."""
    method = wanted["payment_method"]
    method["card_number"] = mask_number(method["card_number"])
    method["cvc"] = "*" * len(method["cvc"])
    if order.description is not None:
        wanted["description"] = order.description
    if order.customer_id is not None:
        wanted["customer_id"] = order.customer_id


def _filter(contract: Contract, query: str) -> PaymentFilter:
    read = contract.read_query("queries/list_payments", read_pairs(query))
    wanted = cast("ListPayments", read)
    status, customer_id = wanted.get("status"), wanted.get("customer_id")
    return PaymentFilter(
        limit=wanted["limit"],
        starting_after=wanted.get("starting_after"),
        customer_id=None if customer_id is None else mask_text(customer_id),
        status=None if status is None else Status(status),
        created_after=read_created_after(wanted.get("created_after")),
    )


def read_created_after(text: str | None) -> Instant | None:
    """Read the filter `created_after` of lists of payments; None if it is not given.

    Raises:
        InvalidRequest: it is not a valid date.
    """
    if text is None:
        return None
    return parse_field(partial(read_instant, earliest=None), "created_after", text)
