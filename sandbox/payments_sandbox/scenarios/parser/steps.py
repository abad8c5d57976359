"""Owns the reading of `do` in request rules: each step with its outcome, delay and times."""

from typing import Any, Final

from payments_sandbox.payments.payment import Status
from payments_sandbox.rules.faults import FAULT_NAMED, FAULTS
from payments_sandbox.rules.model import (
    MoveRateLimit,
    Outcome,
    Pass,
    Patch,
    Respond,
    Settle,
    Settlement,
    Step,
)
from payments_sandbox.scenarios.parser.values import Plain, delay, duration, items

OUTCOMES: Final = (
    "pass", "respond", *(fault.name for fault in FAULTS), "rate_limit", "settle", "patch",
)  # fmt: skip
"""The keys of a step of which it has at most one."""


def step(plain: str | Plain, *, is_read: bool) -> Step:
    """One step; on a read, where nothing can happen, `commit` is true."""
    if isinstance(plain, str):
        return Step()
    outcome: Outcome = Pass()
    for key in OUTCOMES:
        if key in plain:
            outcome = _outcome(key, plain, is_read=is_read)
            break
    return Step(outcome, delay(plain.get("delay")), plain.get("times", 1))


def _outcome(key: str, plain: Plain, *, is_read: bool) -> Outcome:
    value: Any = plain[key]
    match key:
        case "pass":
            return Pass()
        case "respond":
            commit = value.get("commit", False)
            return Respond(value["error"], commit, value.get("message"), value.get("details"))
        case "rate_limit":
            return rate_limit(value)
        case "settle":
            return settle([turn for _, turn in items(plain, "settle")])
        case "patch":
            return Patch(value, plain.get("off_contract", False))
        case _:
            return FAULT_NAMED[key].parse(value, is_read=is_read)


def rate_limit(plain: Plain) -> MoveRateLimit:
    """How the limiter is moved."""
    return MoveRateLimit(plain.get("remaining"), plain.get("limit"), duration(plain, "window"))


def settle(turns: list[Plain]) -> Settle:
    """The turns of a payment from pending on; each `after` counts from the entry before."""
    found: list[Settlement] = []
    since = 0
    for turn in turns:
        to = Status(turn["to"])
        if to is not Status.PENDING:
            since += duration(turn, "after") or 0
            reads = turn.get("after_reads")
            found.append(Settlement(to, since if reads is None else None, reads))
    return Settle(tuple(found))
