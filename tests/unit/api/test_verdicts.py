"""Holds each outcome of the scenario language to what it does to the payment and to its reply."""

from dataclasses import dataclass

import pytest

from sandbox.api.calls import Outcome, Reply
from sandbox.api.verdicts import NORMALLY, Manner, carry_out
from sandbox.domain.errors import RateLimited, SandboxError
from sandbox.domain.payments import Status
from sandbox.scenario import model, wire
from sandbox.scenario.script import Verdict
from tests.fakes.in_process import new_world
from tests.fakes.wall import NOON

DONE = Reply(201, b"{}")
TURNS = (model.Settlement(Status.COMPLETED, 5),)


class Operation:
    """An operation that notes how it was performed."""

    def __init__(self) -> None:
        self.manners: list[Manner] = []

    def __call__(self, manner: Manner = NORMALLY) -> Reply:
        """Perform it."""
        self.manners.append(manner)
        return DONE


@dataclass(frozen=True)
class Row:
    """What an outcome comes to; `reply` is the reply, an error's code, or None."""

    what: model.Outcome
    manners: tuple[Manner, ...]
    reply: Reply | str | None
    committed: bool
    is_fault: bool = False


TABLE = {
    "pass": Row(model.Pass(), (NORMALLY,), DONE, committed=True),
    "settle": Row(model.Settle(TURNS), (Manner(turns=TURNS),), DONE, committed=True),
    "settle never": Row(model.Settle(()), (Manner(turns=()),), DONE, committed=True),
    "decline": Row(
        model.Respond("lost_card"), (Manner(failure="lost_card"),), "lost_card", committed=False
    ),
    "error": Row(model.Respond("internal_error"), (), "internal_error", committed=False),
    "error after commit": Row(
        model.Respond("internal_error", commit=True), (NORMALLY,), "internal_error", committed=True
    ),
    "decline after commit": Row(
        model.Respond("lost_card", commit=True), (NORMALLY,), "lost_card", committed=True
    ),
    "drop": Row(wire.Drop(commit=False, how="close"), (), None, committed=False, is_fault=True),
    "drop after commit": Row(
        wire.Drop(commit=True, how="reset"), (NORMALLY,), DONE, committed=True, is_fault=True
    ),
    "hang": Row(wire.Hang(commit=False), (), None, committed=False, is_fault=True),
    "hang after commit": Row(
        wire.Hang(commit=True), (NORMALLY,), DONE, committed=True, is_fault=True
    ),
    "truncate": Row(wire.Truncate(commit=False), (), None, committed=False, is_fault=True),
    "malform after commit": Row(
        wire.Malform(commit=True, how=wire.Malformation.HTML),
        (NORMALLY,),
        DONE,
        committed=True,
        is_fault=True,
    ),
    "raw": Row(wire.RespondRaw(418, {}, ""), (), None, committed=False, is_fault=True),
    "raw after commit": Row(
        wire.RespondRaw(418, {}, "", commit=True), (NORMALLY,), DONE, committed=True, is_fault=True
    ),
    "drip": Row(wire.Drip(over=5, chunks=2), (NORMALLY,), DONE, committed=True, is_fault=True),
    "exhaust": Row(model.ExhaustRateLimit(0), (), "rate_limit_exceeded", committed=False),
    "nearly exhaust": Row(model.ExhaustRateLimit(3), (NORMALLY,), DONE, committed=True),
}


@pytest.mark.parametrize("case", TABLE)
def test_a_step_is_carried_out(case: str) -> None:
    """How the operation is performed, what is answered, and whether it happened."""
    row, operation = TABLE[case], Operation()
    verdict = Verdict("rule", 1, model.Step(row.what))
    outcome = carry_out(verdict, new_world(), operation)
    reply = outcome.reply.code if isinstance(outcome.reply, SandboxError) else outcome.reply
    fault = row.what if row.is_fault else None

    assert tuple(operation.manners) == row.manners
    assert (reply, outcome.committed, outcome.fault) == (row.reply, row.committed, fault)
    assert outcome.verdict is verdict


def test_without_a_verdict_it_is_performed_normally() -> None:
    """No rule, no trace of one."""
    operation = Operation()

    assert carry_out(None, new_world(), operation) == Outcome(DONE, committed=True)
    assert operation.manners == [NORMALLY]


@pytest.mark.parametrize(("remaining", "left"), [(0, 0), (1, 0), (3, 2)])
def test_the_real_limiter_is_moved(remaining: int, left: int) -> None:
    """The call counts against what now remains, and later calls do too."""
    world = new_world()
    world.limiter.turn(NOON)
    verdict = Verdict("rule", 1, model.Step(model.ExhaustRateLimit(remaining)))
    outcome = carry_out(verdict, world, Operation())

    assert isinstance(outcome.reply, RateLimited) == (remaining == 0)
    assert (world.limiter.remaining, world.limiter.limit) == (left, 1_000)
