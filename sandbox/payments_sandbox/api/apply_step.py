"""Owns how a step of a rule is carried out: what happens to the payment and to its reply.

The step's outcome makes a plan (`rules/step_outcome.py`), and this module carries it out. A step of
a scenario wraps whatever would have happened without it, including a magic card's step. If the
scenario's step decides what becomes of the payment, the card's step does not apply.
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
    """A function that performs the operation and returns its result."""

    def __call__(self, options: PaymentOptions = DEFAULT) -> CallResult:
        """Perform the operation."""


def apply_step(selected: "SelectedStep", context: StepContext, perform: Perform) -> CallResult:
    """Perform the operation as the selected step says."""
    outcome = selected.step.outcome
    plan = outcome.step_plan(selected.full_name)
    if plan.hold:
        return CallResult(None, selected=selected, committed=False, hold=plan.hold)
    result = _perform(plan, context.world, perform)
    if plan.answer is not None:
        result = _with_answer(plan, result)
    if plan.patch is not None and isinstance(result.reply, Reply):
        result.reply = _with_patch(plan, selected.rule, context, result.reply)
    if isinstance(outcome, Fault):
        # A rejected call stays rejected, although the client does not see the error.
        result.fault, result.committed = outcome, bool(result.committed)
    result.selected = selected
    result.delay += selected.delay
    return result


def _perform(plan: StepPlan, world: World, perform: Perform) -> CallResult:
    if plan.limit is not None and not _move_limit(plan.limit, world):
        used_up = f"A rule used up this {world.limiter.window}'s requests."
        return CallResult(RateLimited(used_up), committed=False)
    if plan.options is None:
        return CallResult(None, committed=False)
    return perform(plan.options)


def _with_answer(plan: StepPlan, result: CallResult) -> CallResult:
    """The result with the planned error; a declined payment is stored, but counts as not made."""
    is_declined = plan.options is not None and plan.options.decline_code is not None
    committed = bool(result.committed) and not is_declined
    return CallResult(plan.answer, card=result.card, committed=committed)


def _move_limit(move: LimitMove, world: World) -> bool:
    """Change the limit, and return whether the call still fits into it."""
    now = world.clock.now()
    world.limiter.uncount()
    world.limiter.move(now, **move._asdict())
    return world.limiter.take(now)


def _with_patch(
    plan: StepPlan, rule: str, context: StepContext, reply: Reply
) -> Reply | InternalError:
    """Patch the reply of a success, and check it: the lint cannot see every contract violation."""
    body = merged(orjson.loads(reply.body), plan.patch)
    response = context.operation.response
    if plan.off_contract or context.contract.accepts(response, body):
        return Reply(reply.status, json_bytes(body))
    why = f"{context.contract.explain(response, body)} Add off_contract: true to send it anyway."
    return InternalError(f"The patch of the rule {rule} breaks the contract: {why}")
