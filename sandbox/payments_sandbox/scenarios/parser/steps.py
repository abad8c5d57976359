"""Owns the reading of `do` in request rules: each step with its outcome, delay and times."""

from typing import Final

from payments_sandbox.rules.model import Step
from payments_sandbox.rules.outcomes import OUTCOMES, Pass
from payments_sandbox.rules.step_outcome import Outcome
from payments_sandbox.scenarios.parser.values import Plain, delay

OUTCOME_KEYS: Final = tuple(outcome.name for outcome in OUTCOMES)
"""The keys of a step of which it has at most one."""


def parse_step(plain: str | Plain, *, is_read: bool) -> Step:
    """Parse one step; on a read, where nothing can happen, `commit` is true."""
    if isinstance(plain, str):
        return Step()
    kind = next((each for each in OUTCOMES if each.name in plain), Pass)
    outcome: Outcome = kind.parse_step(plain, is_read=is_read)
    return Step(outcome, delay(plain.get("delay")), plain.get("times", 1))
