"""Owns the expectation `retries`: how calls of an operation were repeated."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from payments_sandbox.contract.operations import BY_NAME
from payments_sandbox.core.instants import read_duration, show_duration
from payments_sandbox.rules.schema_parts import Json, duration, mapping, whole, word
from payments_sandbox.verification.expectations.counting import Count, listed
from payments_sandbox.verification.expectations.expectation import (
    EvaluationContext,
    ExpectationKind,
    ExpectationResult,
)
from payments_sandbox.verification.observed import ObservedCall, group_repeats

GROWTH_TOLERANCE: Final = 0.9
"""How much of the growth a gap must reach, since clients do not sleep for exact times."""


@dataclass(frozen=True, slots=True)
class RetryPolicyCheck:
    """How a call may be repeated.

    Attributes:
        operation: the operation of the calls.
        most: the most retries, not counting the first call.
        least_gap: the fewest milliseconds between two calls.
        growth: the factor by which each gap must exceed the one before.
        same_body: whether the body may not change.
    """

    operation: str
    most: int | None = None
    least_gap: int = 0
    growth: float = 0.0
    same_body: bool = False

    def evaluate(self, context: EvaluationContext) -> ExpectationResult:
        """Check the repetitions of each call."""
        # A held call enters the journal when it is decided, perhaps after a later call.
        groups = [
            sorted(group, key=lambda call: call.entry.wall)
            for group in group_repeats(context.observed.calls, self.operation)
        ]
        if not groups:
            return ExpectationResult(met=False, observed=f"saw no {self.operation}")
        for calls in groups:
            if (wrong := self._what_is_wrong(calls)) is not None:
                ids = listed(call.id for call in calls)
                return ExpectationResult(met=False, observed=f"{wrong}: {ids}", is_final=True)
        most = max(len(calls) - 1 for calls in groups)
        seen = Count(most=most).with_noun("retry", "retries")
        return ExpectationResult(met=True, observed=f"saw {seen} of one call")

    def _what_is_wrong(self, calls: Sequence[ObservedCall]) -> str | None:
        """What is wrong with the repetitions of one call, in words."""
        if self.most is not None and len(calls) - 1 > self.most:
            wanted = Count(most=self.most).with_noun("retry", "retries")
            return f"expected {wanted}, saw {len(calls) - 1}"
        gaps = [_gap(before, after) for before, after in pairwise(calls)]
        if short := [gap for gap in gaps if gap < self.least_gap]:
            least = show_duration(self.least_gap)
            return f"expected {least} between two calls, saw {show_duration(short[0])}"
        for before, after in pairwise(gaps):
            if after < before * self.growth * GROWTH_TOLERANCE:
                shown = f"{show_duration(before)} and then {show_duration(after)}"
                return f"expected gaps that grow by {self.growth:g}, saw {shown}"
        if self.same_body and any(call.entry.body != calls[0].entry.body for call in calls):
            return "expected the same body each time, saw it change"
        return None


def _gap(before: ObservedCall, after: ObservedCall) -> int:
    """Milliseconds between two calls, on the clock that has moved further.

    Waiting on the world's clock counts as much as waiting in real time.
    """
    return max(after.entry.wall - before.entry.wall, after.entry.at - before.entry.at)


def _parse(plain: Json) -> RetryPolicyCheck:
    spacing = plain.get("spacing", {})
    return RetryPolicyCheck(
        plain["retries"],
        plain.get("max"),
        read_duration(spacing.get("min", "0s")),
        spacing.get("growth", 0.0),
        bool(plain.get("same")),
    )


RETRIES: Final = ExpectationKind(
    key="retries",
    docs=(
        "no call was repeated more than `max` times; the time between repetitions complied"
        " with `spacing` (at least `min`, each gap `growth` times the previous one, on the"
        " real or the world's clock, whichever moved further); and repetitions had the"
        " `same` body"
    ),
    schema={
        "description": "How a call was repeated.",
        "x-hint": "retries needs max, spacing or same",
        "properties": {
            "retries": word("The operation.", "an operation", BY_NAME),
            "max": whole("At most this many, not counting the first.", 0, 1_000_000),
            "spacing": mapping(
                "The time between them, in wall time or virtual time.",
                "{min: 1s, growth: 1.5}",
                {
                    "min": duration("At least this far apart."),
                    "growth": {
                        "description": "Each gap is this many times the previous one.",
                        "type": "number",
                        "minimum": 1,
                        "maximum": 100,
                        "x-expected": "a number of 1 or more",
                    },
                },
                minProperties=1,
            ),
            "same": {
                "description": "What stays the same from one to the next.",
                "type": "array",
                "minItems": 1,
                "maxItems": 1,
                "items": word("A part.", "a part of the request", ["body"]),
                "x-expected": "a list such as [body]",
            },
        },
        "anyOf": [{"required": ["max"]}, {"required": ["spacing"]}, {"required": ["same"]}],
    },
    examples=(
        {
            "retries": "create_payment",
            "max": 3,
            "spacing": {"min": "1s", "growth": 1.5},
            "same": ["body"],
        },
    ),
    parse=_parse,
)
