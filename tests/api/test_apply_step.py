"""Tests what each outcome of the scenario language does to the payment and to its reply."""

from dataclasses import dataclass

import orjson
import pytest

from payments_sandbox.api.apply_step import StepContext, apply_step
from payments_sandbox.api.call import CallResult, Reply
from payments_sandbox.contract.operations import BY_NAME
from payments_sandbox.core.errors import InvalidRequest, RateLimited, SandboxError
from payments_sandbox.payments.payment import Status
from payments_sandbox.rules.faults.drip import Drip
from payments_sandbox.rules.faults.drop import Drop
from payments_sandbox.rules.faults.hang import Hang
from payments_sandbox.rules.faults.malform import Malform, Malformation
from payments_sandbox.rules.faults.respond_raw import RespondRaw
from payments_sandbox.rules.faults.truncate import Truncate
from payments_sandbox.rules.model import Step
from payments_sandbox.rules.outcomes import (
    MoveRateLimit,
    Pass,
    Patch,
    Respond,
)
from payments_sandbox.rules.settle import Settle
from payments_sandbox.rules.step_outcome import DEFAULT, Outcome, PaymentOptions, Settlement
from payments_sandbox.rules.step_search import SelectedStep
from payments_sandbox.world.world import World
from tests.support.in_process import NOON, contract, new_world
from tests.support.tables import for_each

DONE = Reply(201, b"{}")
TURNS = (Settlement(Status.COMPLETED, 5),)


class Performed:
    """An operation that records how it was performed, and returns a fixed result."""

    def __init__(self, outcome: CallResult | None = None) -> None:
        self.options: list[PaymentOptions] = []
        self._outcome = outcome or CallResult(DONE, committed=True)

    def __call__(self, options: PaymentOptions = DEFAULT) -> CallResult:
        """Perform it."""
        self.options.append(options)
        return self._outcome


def applied(
    step: Step, performed: Performed, world: World | None = None, *, delay: int = 0
) -> CallResult:
    """Return the result of applying a step of a scenario's rule."""
    selected = SelectedStep("rule", 1, step, delay, "scene")
    context = StepContext(world or new_world(), contract(), BY_NAME["create_payment"])
    outcome = apply_step(selected, context, performed)
    assert outcome.selected is selected
    return outcome


@dataclass(frozen=True)
class Row:
    """The expected result of an outcome; `reply` is the reply, an error's code, or None."""

    what: Outcome
    options: tuple[PaymentOptions, ...]
    reply: Reply | str | None
    committed: bool
    is_fault: bool = False


TABLE = {
    "pass": Row(Pass(), (DEFAULT,), DONE, committed=True),
    "settle": Row(
        Settle(TURNS), (PaymentOptions(turns=TURNS, rule="scene/rule"),), DONE, committed=True
    ),
    "settle never": Row(
        Settle(()), (PaymentOptions(turns=(), rule="scene/rule"),), DONE, committed=True
    ),
    "decline": Row(
        Respond("lost_card"),
        (PaymentOptions(decline_code="lost_card"),),
        "lost_card",
        committed=False,
    ),
    "error": Row(Respond("internal_error"), (), "internal_error", committed=False),
    "error after commit": Row(
        Respond("internal_error", commit=True), (DEFAULT,), "internal_error", committed=True
    ),
    "decline after commit": Row(
        Respond("lost_card", commit=True), (DEFAULT,), "lost_card", committed=True
    ),
    "drop": Row(Drop(commit=False, how="close"), (), None, committed=False, is_fault=True),
    "drop after commit": Row(
        Drop(commit=True, how="reset"), (DEFAULT,), DONE, committed=True, is_fault=True
    ),
    "hang": Row(Hang(commit=False), (), None, committed=False, is_fault=True),
    "hang after commit": Row(Hang(commit=True), (DEFAULT,), DONE, committed=True, is_fault=True),
    "truncate": Row(Truncate(commit=False), (), None, committed=False, is_fault=True),
    "malform after commit": Row(
        Malform(commit=True, how=Malformation.HTML),
        (DEFAULT,),
        DONE,
        committed=True,
        is_fault=True,
    ),
    "raw": Row(RespondRaw(418, {}, ""), (), None, committed=False, is_fault=True),
    "raw after commit": Row(
        RespondRaw(418, {}, "", commit=True),
        (DEFAULT,),
        DONE,
        committed=True,
        is_fault=True,
    ),
    "drip": Row(Drip(over=5, chunks=2), (DEFAULT,), DONE, committed=True, is_fault=True),
    "exhaust": Row(MoveRateLimit(0), (), "rate_limit_exceeded", committed=False),
    "nearly exhaust": Row(MoveRateLimit(3), (DEFAULT,), DONE, committed=True),
}


@for_each("case", TABLE)
def test_each_outcome_performs_the_operation_and_replies_as_expected(case: str) -> None:
    """How the operation is performed, what is answered, and whether it is committed."""
    row, performed = TABLE[case], Performed()
    outcome = applied(Step(row.what), performed)
    reply = outcome.reply.code if isinstance(outcome.reply, SandboxError) else outcome.reply
    fault = row.what if row.is_fault else None

    assert tuple(performed.options) == row.options
    assert (reply, outcome.committed, outcome.fault) == (row.reply, row.committed, fault)


REFUSED = InvalidRequest("/amount: is required.")
HIDING: dict[str, Outcome] = {
    "respond": Respond("internal_error", commit=True),
    "drop": Drop(commit=True, how="close"),
    "raw": RespondRaw(418, {}, "", commit=True),
}


@pytest.mark.parametrize("case", HIDING)
def test_a_rejected_call_stays_uncommitted_behind_a_committing_fault(case: str) -> None:
    """With `commit: true` too: nothing happened."""
    outcome = applied(Step(HIDING[case]), Performed(CallResult(REFUSED, committed=False)))

    assert outcome.committed is False


def test_a_rule_can_replace_the_message_and_details_of_an_error() -> None:
    respond = Respond("internal_error", message="Oops", details="Try again.")
    outcome = applied(Step(respond), Performed())

    assert isinstance(outcome.reply, SandboxError)
    assert (outcome.reply.message, outcome.reply.details) == ("Oops", "Try again.")


def test_the_delay_of_a_step_is_added_to_the_delay_of_the_card() -> None:
    slow = Performed(CallResult(DONE, committed=True, delay=3_000))

    assert applied(Step(delay=200), slow, delay=200).delay == 3_200


@pytest.mark.parametrize(("remaining", "left"), [(0, 0), (1, 0), (3, 2)])
def test_a_rate_limit_step_sets_the_remaining_calls_of_the_world(remaining: int, left: int) -> None:
    """The call itself counts, and so do later calls."""
    world = new_world()
    world.limiter.turn(NOON)
    step = Step(MoveRateLimit(remaining))
    outcome = applied(step, Performed(), world)

    assert isinstance(outcome.reply, RateLimited) == (remaining == 0)
    assert (world.limiter.remaining, world.limiter.limit) == (left, 1_000)


def test_a_rate_limit_with_its_own_window_counts_each_call_once() -> None:
    """However often the rule sets the same limit."""
    world = new_world()
    step = Step(MoveRateLimit(limit=2, window=60_000))
    left = []
    for _ in range(2):
        world.limiter.take(NOON)
        assert applied(step, Performed(), world).reply is DONE
        left.append(world.limiter.remaining)

    assert (left, world.limiter.take(NOON)) == ([1, 0], False)
    assert world.limiter.reset_at == NOON // 1_000 + 60


def test_the_error_of_a_used_up_custom_window_does_not_mention_the_hour() -> None:
    step = Step(MoveRateLimit(limit=0, window=60_000))
    outcome = applied(step, Performed())

    assert isinstance(outcome.reply, RateLimited)
    assert outcome.reply.details == "A rule used up this window's requests."


PAID = {
    "id": "pay_xyz789", "status": "completed", "amount": 2500, "currency": "USD",
    "created_at": "2030-01-15T12:00:00Z", "description": None,
}  # fmt: skip


def patched(patch: Patch) -> tuple[int, object]:
    """Return the status and body of a patched create reply."""
    performed = Performed(CallResult(Reply(201, orjson.dumps(PAID)), committed=True))
    outcome = applied(Step(patch), performed)
    assert outcome.committed is True
    if isinstance(outcome.reply, SandboxError):
        return 500, outcome.reply.details
    assert outcome.reply is not None
    return outcome.reply.status, orjson.loads(outcome.reply.body)


def test_a_patch_step_merges_its_fields_into_the_reply() -> None:
    """As RFC 7396 defines it, and within the contract."""
    assert patched(Patch({"status": "pending"})) == (201, PAID | {"status": "pending"})


def test_a_patch_that_breaks_the_contract_needs_off_contract() -> None:
    """Without it the reply is an internal error that says how to allow it."""
    del (unpaid := dict(PAID))["amount"]

    assert patched(Patch({"amount": None}, off_contract=True)) == (201, unpaid)
    assert patched(Patch({"amount": None})) == (
        500,
        (
            "The patch of the rule rule breaks the contract: /amount: is required: expected an"
            " integer from 1 to 99999999,"
            " in minor units (2500 is 25.00 USD). Add off_contract: true to send it anyway."
        ),
    )


def test_the_error_of_a_rejected_call_is_not_patched() -> None:
    """There is no normal reply."""
    refused = CallResult(REFUSED, committed=False)
    patch = Patch({"status": "failed"})

    assert applied(Step(patch), Performed(refused)).reply is REFUSED
