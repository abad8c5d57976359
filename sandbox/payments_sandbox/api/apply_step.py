"""Owns how a step of a rule is carried out: what happens to the payment, and to its reply.

An operation is performed normally, failed, or pending; the step decides that, and what the client
gets in place of the reply. A scenario's step goes around whatever would have happened without it,
a magic card's step included; only where it decides the payment's fate itself, the card has no say.
"""

from typing import Final, NamedTuple, Protocol, assert_never

import orjson

from payments_sandbox.api.call import CallResult, Reply
from payments_sandbox.contract.error_codes import CODES
from payments_sandbox.contract.operations import Operation
from payments_sandbox.contract.schemas import Contract
from payments_sandbox.core.errors import InternalError, RateLimited, SandboxError
from payments_sandbox.payments.record_store import json_bytes
from payments_sandbox.rules import model
from payments_sandbox.rules.faults.fault import Fault
from payments_sandbox.rules.merge_patch import merged
from payments_sandbox.rules.rule_engine import SelectedStep
from payments_sandbox.world.world import World


class PaymentOptions(NamedTuple):
    """How an operation is performed: failed with a code, or pending with its later turns.

    Attributes:
        rule: whose turns they are, for the report.
    """

    decline_code: str | None = None
    turns: tuple[model.Settlement, ...] | None = None
    rule: str = ""


DEFAULT: Final = PaymentOptions()


class StepContext(NamedTuple):
    """Where a step is carried out."""

    world: World
    contract: Contract
    operation: Operation


class Perform(Protocol):
    """Performs the operation and gives what it came to."""

    def __call__(self, options: PaymentOptions = DEFAULT) -> CallResult:
        """Perform it now."""


def apply_step(selected: SelectedStep, context: StepContext, perform: Perform) -> CallResult:
    """Perform the operation as the selected step says."""
    outcome = _outcome(selected, context, perform)
    outcome.selected = selected
    outcome.delay += selected.delay
    return outcome


def _outcome(  # noqa: PLR0911 - one an outcome
    selected: SelectedStep, context: StepContext, perform: Perform
) -> CallResult:
    match selected.step.outcome:
        case model.Pass():
            return perform()
        case model.StepsExhausted():
            return CallResult(_run_out(selected), committed=False)
        case model.Settle(turns):
            return perform(PaymentOptions(turns=turns, rule=selected.known_as))
        case model.Respond() as respond:
            return _respond(respond, perform)
        case model.MoveRateLimit() as move:
            return _rate_limit(move, context.world, perform)
        case model.Patch() as patch:
            return _patch(patch, selected.rule, context, perform())
        case Fault() as fault:
            return _hidden(fault, perform() if fault.commit else CallResult(None, committed=False))
        case _:
            assert_never(selected.step.outcome)


def _hidden(fault: Fault, outcome: CallResult) -> CallResult:
    """The outcome behind a fault; what was refused stays refused, and nobody sees it."""
    outcome.fault = fault
    outcome.committed = bool(outcome.committed)
    return outcome


def _respond(respond: model.Respond, perform: Perform) -> CallResult:
    """The error; a decline that does not commit keeps the attempt as a failed payment."""
    error = SandboxError(respond.error, respond.details, message=respond.message)
    committed, card = False, None
    if respond.commit:
        done = perform()
        committed, card = bool(done.committed), done.card
    elif CODES[respond.error].is_decline:
        card = perform(PaymentOptions(decline_code=respond.error)).card
    return CallResult(error, card=card, committed=committed)


def _rate_limit(move: model.MoveRateLimit, world: World, perform: Perform) -> CallResult:
    """The call counts against what now remains."""
    now = world.clock.now()
    world.limiter.give_back()
    world.limiter.move(now, **move._asdict())
    if not world.limiter.take(now):
        used_up = f"A rule used up this {world.limiter.window}'s requests."
        return CallResult(RateLimited(used_up), committed=False)
    return perform()


def _patch(patch: model.Patch, rule: str, context: StepContext, outcome: CallResult) -> CallResult:
    """The reply of a success, patched; the lint sees what breaks the contract, but not always."""
    if not isinstance(outcome.reply, Reply):
        return outcome
    body = merged(orjson.loads(outcome.reply.body), patch.patch)
    response = context.operation.response
    if not patch.off_contract and not context.contract.accepts(response, body):
        why = _why_off_contract(context.contract, response, body)
        outcome.reply = InternalError(f"The patch of the rule {rule} breaks the contract: {why}")
    else:
        outcome.reply = Reply(outcome.reply.status, json_bytes(body))
    return outcome


def _why_off_contract(contract: Contract, response: str, body: object) -> str:
    return f"{contract.explain(response, body)} Add off_contract: true to do it anyway."


def _run_out(selected: SelectedStep) -> InternalError:
    return InternalError(f"The rule {selected.rule} has no step left (then: fail).")
