"""Owns how a step of a rule is carried out: what happens to the payment, and to its reply."""

from typing import Final, NamedTuple, Protocol, assert_never

from sandbox.api.calls import Outcome, Reply
from sandbox.contract.codes import CODES
from sandbox.domain.errors import RateLimited, SandboxError
from sandbox.engine.world import World
from sandbox.scenario import model, wire
from sandbox.scenario.script import Verdict


class Manner(NamedTuple):
    """How an operation is performed: failed with a code, or pending with its later turns."""

    failure: str | None = None
    turns: tuple[model.Settlement, ...] | None = None


NORMALLY: Final = Manner()


class Perform(Protocol):
    """Performs the operation and gives its documented reply."""

    def __call__(self, manner: Manner = NORMALLY) -> Reply:
        """Perform it now."""


def carry_out(verdict: Verdict | None, world: World, perform: Perform) -> Outcome:
    """Perform the operation as the verdict's step says; without one, normally."""
    if verdict is None:
        return Outcome(perform(), committed=True)
    outcome = _outcome(verdict.step.outcome, world, perform)
    outcome.verdict = verdict
    return outcome


def _outcome(what: model.Outcome, world: World, perform: Perform) -> Outcome:
    match what:
        case model.Pass():
            return Outcome(perform(), committed=True)
        case model.Settle(turns):
            return Outcome(perform(Manner(turns=turns)), committed=True)
        case model.Respond(code, commit):
            return _respond(code, perform, commit=commit)
        case wire.Drip():
            return Outcome(perform(), committed=True, fault=what)
        case (
            wire.Drop(commit=commit)
            | wire.Hang(commit=commit)
            | wire.Truncate(commit=commit)
            | wire.Malform(commit=commit)
            | wire.RespondRaw(commit=commit)
        ):
            reply = perform() if commit else None
            return Outcome(reply, committed=commit, fault=what)
        case model.ExhaustRateLimit(remaining):
            return _rate_limit(remaining, world, perform)
        case _:
            assert_never(what)


def _respond(code: str, perform: Perform, *, commit: bool) -> Outcome:
    """The error; a decline that does not commit keeps the attempt as a failed payment."""
    if commit:
        perform()
    elif CODES[code].is_decline:
        perform(Manner(failure=code))
    return Outcome(SandboxError(code), committed=commit)


def _rate_limit(remaining: int, world: World, perform: Perform) -> Outcome:
    """The call counts against what now remains."""
    now = world.clock.now()
    world.limiter.turn(now)
    world.limiter.set(limit=None, remaining=remaining)
    if not world.limiter.take(now):
        return Outcome(RateLimited("A rule used up this hour's requests."), committed=False)
    return Outcome(perform(), committed=True)
