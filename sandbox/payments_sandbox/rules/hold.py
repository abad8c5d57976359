"""Owns the outcome `hold`: a call is kept before anything has happened, until somebody decides."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from payments_sandbox.core.instants import read_duration, show_duration
from payments_sandbox.rules.schema_parts import NOT_ZERO, Json, duration, mapping
from payments_sandbox.rules.step_outcome import Outcome, StepPlan


@dataclass(frozen=True, slots=True)
class Hold(Outcome):
    """Keep the call; unless another step is chosen for it meanwhile, it then behaves normally.

    Attributes:
        lasts: wall milliseconds; `--max-wall-delay` does not cut them, as somebody sits before it.
    """

    name: ClassVar = "hold"
    SCHEMA: ClassVar[Json] = mapping(
        "Kept before anything has happened, until somebody decides.",
        "{for: 10m}",
        {
            "for": {
                **duration("How long, in wall time; --max-wall-delay does not cut it."),
                "pattern": NOT_ZERO,
                "x-expected": "a duration of 1ms or more",
            }
        },
        ["for"],
    )
    EXAMPLES: ClassVar = ({"for": "10m"}, {"for": "250ms"})
    ROW: ClassVar = (
        "nothing yet: the call is kept before anything has happened, until `POST held/{id}` gives"
        " it another step; after `for` it behaves normally"
    )

    lasts: int

    @classmethod
    def parse_step(cls, step: Json, *, is_read: bool) -> Self:
        """Read `hold: {for}`."""
        return cls(read_duration(step[cls.name]["for"]))

    def step_source(self, *, is_read: bool) -> dict[str, Any]:
        """Write `hold: {for}`."""
        return {self.name: {"for": show_duration(self.lasts)}}

    def step_plan(self, rule: str, known_as: str) -> StepPlan:
        """Perform nothing, and keep the call."""
        return StepPlan(options=None, hold=self.lasts)
