"""Owns how a step of a rule is carried out: what happens to the payment, and to its reply.

The step's outcome makes a plan (`rules/step_outcome.py`); this module carries out any plan. A
scenario's step goes around whatever would have happened without it, a magic card's step included;
only where it decides the payment's fate itself, the card has no say.
"""

from typing import TYPE_CHECKING, NamedTuple, Protocol

import orjson

from payments_sandbox.api.call import CallResult, Reply
from payments_sandbox.contract.operations import Operation
from payments_sandbox.contract.schemas import Contract
from payments_sandbox.core.errors import InternalError, RateLimited
from payments_sandbox.core.strict_json import json_bytes
from payments_sandbox.rules.faults.fault import Fault
from payments_sandbox.rules.step_outcome import DEFAULT, LimitMove, PaymentOptions, StepPlan, merged
from payments_sandbox.world.world import World

if TYPE_CHECKING:
    from payments_sandbox.rules.step_search import SelectedStep


class StepContext(NamedTuple):
    """The context in which a step is carried out."""

    world: World
    contract: Contract
    operation: Operation


class Perform(Protocol):
    """Performs the operation and gives what it came to."""

    def __call__(self, options: PaymentOptions = DEFAULT) -> CallResult:
        """Perform it now."""


def apply_step(selected: "SelectedStep", context: StepContext, perform: Perform) -> CallResult:
    """Perform the operation as the selected step says."""
    outcome = selected.step.outcome
    plan = outcome.step_plan(selected.known_as)
    if plan.hold:
        return CallResult(None, selected=selected, committed=False, hold=plan.hold)
    result = _perform(plan, context.world, perform)
    if plan.answer is not None:
        result = _answered(plan, result)
    if plan.patch is not None and isinstance(result.reply, Reply):
        result.reply = _patched(plan, selected.rule, context, result.reply)
    if isinstance(outcome, Fault):
        # What was refused stays refused, and nobody sees it.
        result.fault, result.committed = outcome, bool(result.committed)
    result.selected = selected
    result.delay += selected.delay
    return result


def _perform(plan: StepPlan, world: World, perform: Perform) -> CallResult:
    if plan.limit is not None and not _still_counts(plan.limit, world):
        used_up = f"A rule used up this {world.limiter.window}'s requests."
        return CallResult(RateLimited(used_up), committed=False)
    if plan.options is None:
        return CallResult(None, committed=False)
    return perform(plan.options)


def _answered(plan: StepPlan, result: CallResult) -> CallResult:
    """The planned error; an attempt that was declined is kept, and counts as not performed."""
    is_declined = plan.options is not None and plan.options.decline_code is not None
    committed = bool(result.committed) and not is_declined
    return CallResult(plan.answer, card=result.card, committed=committed)


def _still_counts(move: LimitMove, world: World) -> bool:
    """Move the limit; whether the call finds its place in what then remains."""
    now = world.clock.now()
    world.limiter.give_back()
    world.limiter.move(now, **move._asdict())
    return world.limiter.take(now)


def _patched(
    plan: StepPlan, rule: str, context: StepContext, reply: Reply
) -> Reply | InternalError:
    """The reply of a success, patched; the lint sees what breaks the contract, but not always."""
    body = merged(orjson.loads(reply.body), plan.patch)
    response = context.operation.response
    if plan.off_contract or context.contract.accepts(response, body):
        return Reply(reply.status, json_bytes(body))
    why = f"{context.contract.explain(response, body)} Add off_contract: true to do it anyway."
    return InternalError(f"The patch of the rule {rule} breaks the contract: {why}")
