"""Owns the reading of `do` in request rules: each step with its outcome, delay and times."""

import json
from typing import Any, Final

from payments_sandbox.core.instants import read_duration
from payments_sandbox.payments.payment import Status
from payments_sandbox.rules import wire_faults
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
    "pass", "respond", "respond_raw", "drop", "hang", "truncate", "malform", "drip", "rate_limit",
    "settle", "patch",
)  # fmt: skip
"""The keys of a step of which it has at most one."""

_KEPT: Final = "50%"
_CHUNKS: Final = 20


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


def _outcome(  # noqa: PLR0911 - one an outcome
    key: str, plain: Plain, *, is_read: bool
) -> Outcome:
    value: Any = plain[key]
    match key:
        case "pass":
            return Pass()
        case "respond":
            commit = value.get("commit", False)
            return Respond(value["error"], commit, value.get("message"), value.get("details"))
        case "respond_raw":
            headers, given = value.get("headers", {}), value.get("body", "")
            body = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
            return wire_faults.RespondRaw(
                value["status"], headers, body, value.get("commit", False)
            )
        case "rate_limit":
            return rate_limit(value)
        case "settle":
            return settle([turn for _, turn in items(plain, "settle")])
        case "patch":
            return Patch(value, plain.get("off_contract", False))
        case _:
            return _fault(key, value, commit=value.get("commit", is_read))


def _fault(key: str, plain: Plain, *, commit: bool) -> wire_faults.Fault:
    match key:
        case "drop":
            return wire_faults.Drop(commit, plain.get("how", "close"))
        case "hang":
            return wire_faults.Hang(commit, duration(plain, "for"))
        case "truncate":
            keep = float(plain.get("keep", _KEPT).removesuffix("%"))
            return wire_faults.Truncate(commit, keep, plain.get("in", "body"))
        case "malform":
            return wire_faults.Malform(commit, wire_faults.Malformation(plain["as"]))
        case _:
            return wire_faults.Drip(read_duration(plain["over"]), plain.get("chunks", _CHUNKS))


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
