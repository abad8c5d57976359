"""Owns the refund operation: parse the call, act on the world, show the result."""

from typing import Final, TypedDict

from payments_sandbox.api.apply_step import StepContext, apply_step
from payments_sandbox.api.call import Call, CallResult
from payments_sandbox.api.responses import success
from payments_sandbox.contract import representations
from payments_sandbox.contract.operations import BY_NAME
from payments_sandbox.contract.schemas import Contract
from payments_sandbox.core.masking import mask_text
from payments_sandbox.payments import payment as payments
from payments_sandbox.rules.step_outcome import DEFAULT, PaymentOptions
from payments_sandbox.world.world import World

_CREATE: Final = BY_NAME["create_refund"]


class CreateRefund(TypedDict, total=False):
    """The body of a refund request, once the schema has accepted it."""

    amount: int
    reason: str
    description: str


def create_refund(
    world: World, contract: Contract, call: Call, body: object, options: PaymentOptions
) -> CallResult:
    """REFUND PAYMENT: the ledger's checks come before the magic card's step."""
    number = call.payment = world.ledger.number_of(call.payment_id)
    wanted: CreateRefund = contract.check("requests/create_refund", body)
    texts = wanted.get("reason"), wanted.get("description")
    _mask_body(wanted)
    reason, description = wanted.get("reason"), wanted.get("description")
    call.leaked = texts != (reason, description)
    if wanted is body:
        call.shown = wanted
    payment = world.ledger.payments.get(number)
    amount = wanted.get("amount")

    def perform(options: PaymentOptions = DEFAULT) -> CallResult:
        refund = world.create_refund(
            number, amount, at=call.at, reason=reason, description=description
        )
        reply = success(contract, _CREATE, representations.refund(refund))
        return CallResult(reply, card=payment.card, committed=True)

    if payment.card.fingerprint not in world.rules.named_cards:
        return perform()
    payments.refund(payment, amount)  # a refund that the ledger rejects uses no step of the card
    selected = world.rules.decide_by_card("create_refund", payment)
    if selected is None:
        return perform()
    result = apply_step(selected, StepContext(world, contract, _CREATE), perform)
    result.card = payment.card
    return result


def _mask_body(wanted: CreateRefund) -> None:
    """Mask a valid body in place, for the ledger and the journal."""
    if "reason" in wanted:
        wanted["reason"] = mask_text(wanted["reason"])
    if "description" in wanted:
        wanted["description"] = mask_text(wanted["description"])
