"""Owns the outcomes of a step, wire faults among them: one entry each, with all about it.

A new outcome is a class here, or in a module of its own such as `settle.py` and those of `faults/`,
and its place in `OUTCOMES`; tests/rules/test_outcomes.py holds every entry to what it promises.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

from payments_sandbox.contract.error_codes import CODES, documented_for
from payments_sandbox.contract.operations import BY_NAME
from payments_sandbox.contract.schema_errors import render
from payments_sandbox.contract.schemas import Contract
from payments_sandbox.core.errors import InternalError, SandboxError
from payments_sandbox.core.instants import read_duration, show_duration
from payments_sandbox.rules.action import Action, ActionTarget
from payments_sandbox.rules.faults import FAULTS
from payments_sandbox.rules.merge_patch import merged
from payments_sandbox.rules.settle import Settle
from payments_sandbox.rules.step_outcome import (
    COMMIT,
    EntryProblem,
    Json,
    LimitMove,
    Outcome,
    PaymentOptions,
    StepPlan,
)

_DURATION: Final = {"$ref": "#/$defs/duration"}
_NOT_ZERO: Final = r"^0*(?:[1-9][0-9]*(?:\.[0-9]+)?(?:ms|s|m|h|d)|\.[0-9]*[1-9][0-9]*(?:s|m|h|d))$"
"""Durations of a millisecond or more: hundredths of one are nothing."""

_COUNT: Final = {
    "type": "integer",
    "minimum": 0,
    "maximum": 1_000_000,
    "x-expected": "a whole number from 0 to 1000000",
}


@dataclass(frozen=True, slots=True)
class Pass(Outcome):
    """The call behaves normally."""

    name: ClassVar = "pass"
    SCHEMA: ClassVar[Json] = {
        "description": "Behave normally.",
        "type": "boolean",
        "const": True,
        "x-expected": "true, or leave it out",
    }
    EXAMPLES: ClassVar = (True,)

    @classmethod
    def parse_step(cls, step: Json, *, is_read: bool) -> Self:  # noqa: ARG003 - one signature
        """Read `pass: true`."""
        return cls()

    def step_source(self, *, is_read: bool) -> dict[str, Any]:  # noqa: ARG002 - one signature
        """Write nothing: a step without an outcome passes."""
        return {}

    def step_plan(self, rule: str, known_as: str) -> StepPlan:  # noqa: ARG002 - one signature
        """Perform the operation."""
        return StepPlan()

    def may_have_answered(self, error: str | None) -> bool:
        """Whether the reply is a success."""
        return error is None


@dataclass(frozen=True, slots=True)
class StepsExhausted(Outcome):
    """What `then: fail` answers: 500, nothing performed, and a report that fails.

    No step of a scenario says it, so it is no entry of `OUTCOMES`.
    """

    name: ClassVar = ""
    SCHEMA: ClassVar[Json] = {}
    EXAMPLES: ClassVar = ()

    @classmethod
    def parse_step(cls, step: Json, *, is_read: bool) -> Self:  # noqa: ARG003 - one signature
        """Make it, of whatever step."""
        return cls()

    def step_source(self, *, is_read: bool) -> dict[str, Any]:  # noqa: ARG002 - one signature
        """Write the error that is answered."""
        return {"respond": {"error": "internal_error"}}

    def step_plan(self, rule: str, known_as: str) -> StepPlan:  # noqa: ARG002 - one signature
        """Answer 500 and name the rule."""
        error = InternalError(f"The rule {rule} has no step left (then: fail).")
        return StepPlan(options=None, answer=error)

    def may_have_answered(self, error: str | None) -> bool:  # noqa: ARG002 - one signature
        """Never: the journal's step is written as the error that was answered."""
        return False


@dataclass(frozen=True, slots=True)
class Respond(Outcome):
    """An error that is documented for the operation.

    Attributes:
        error: the code; status and message come from `payments_sandbox.contract.error_codes`.
        commit: whether the operation happens first. Without it a decline of `create_payment`
            still keeps the attempt as a failed payment: that is what a decline is.
        message: in place of the code's own.
        details: what else there is to say.
    """

    name: ClassVar = "respond"
    SCHEMA: ClassVar[Json] = {
        "description": "An error that is documented for the operation.",
        "type": "object",
        "x-expected": "a mapping such as {error: internal_error}",
        "required": ["error"],
        "properties": {
            "error": {
                "description": "Its code; status and body come from the contract.",
                "type": "string",
                "enum": [code for code, each in CODES.items() if each.operations],
                "x-expected": "an error code",
                "x-hint": "an error is a documented code such as internal_error",
            },
            "message": {
                "description": "In place of the code's own sentence.",
                "type": "string",
                "minLength": 1,
                "maxLength": 500,
                "x-expected": "text",
            },
            "details": {
                "description": "What else there is to say.",
                "type": "string",
                "minLength": 1,
                "maxLength": 1000,
                "x-expected": "text",
            },
            "commit": {
                **COMMIT,
                "description": (
                    "Whether the operation happens all the same; false unless told otherwise."
                ),
            },
        },
        "additionalProperties": False,
    }
    EXAMPLES: ClassVar = (
        {"error": "internal_error"},
        {"error": "internal_error", "message": "Oops", "details": "Later."},
    )

    error: str
    commit: bool = False
    message: str | None = None
    details: str | None = None

    @classmethod
    def parse_step(cls, step: Json, *, is_read: bool) -> Self:  # noqa: ARG003 - one signature
        """Read `respond: {error, commit, message, details}`."""
        said = step[cls.name]
        commit = said.get("commit", False)
        return cls(said["error"], commit, said.get("message"), said.get("details"))

    def step_source(self, *, is_read: bool) -> dict[str, Any]:
        """Write the error, and `commit` where it is true and has an effect."""
        said = {"error": self.error, "message": self.message, "details": self.details}
        commit = {"commit": True} if self.commit and not is_read else {}
        return {self.name: _given(said) | commit}

    def step_plan(self, rule: str, known_as: str) -> StepPlan:  # noqa: ARG002 - one signature
        """Answer the error; a decline that does not commit keeps the attempt as failed."""
        error = SandboxError(self.error, self.details, message=self.message)
        if self.commit:
            return StepPlan(answer=error)
        is_decline = CODES[self.error].is_decline
        return StepPlan(PaymentOptions(decline_code=self.error) if is_decline else None, error)

    @classmethod
    def problems(
        cls,
        step: Json,
        operation: str,
        contract: Contract,  # noqa: ARG003 - one signature
    ) -> Iterator[EntryProblem]:
        """Find an error that the operation does not document."""
        operations = list(BY_NAME) if operation == "*" else [operation]
        known = [name for name in CODES if all(name in documented_for(each) for each in operations)]
        error = step[cls.name]["error"]
        if error not in known:
            whose = "every operation" if operation == "*" else operation
            message, hint = (
                f"'{error}' is no error of {whose}",
                f"documented are {', '.join(known)}",
            )
            yield EntryProblem((cls.name, "error"), message, hint)

    def may_have_answered(self, error: str | None) -> bool:
        """Whether the code is the same."""
        return error == self.error


@dataclass(frozen=True, slots=True)
class MoveRateLimit(Outcome, Action):
    """Moves the real limiter before the call counts; with nothing remaining the call is a 429.

    Attributes:
        remaining: what remains of this window.
        limit: how many requests a window has, for good.
        window: its length in virtual milliseconds, for good.

    Raises:
        ValueError: a window has no length.
    """

    name: ClassVar = "rate_limit"
    is_replayed: ClassVar = False  # the scenario would move the limit again
    SCHEMA: ClassVar[Json] = {
        "description": "Moves the real limiter, headers included.",
        "type": "object",
        "x-expected": "a mapping such as {remaining: 0}",
        "x-hint": "it has remaining, or limit and perhaps window",
        "properties": {
            "remaining": {"description": "What remains of this window.", **_COUNT},
            "limit": {"description": "How many requests a window has.", **_COUNT},
            "window": {
                "description": (
                    "How long a window is, in virtual time; an hour unless told otherwise."
                ),
                **_DURATION,
                "pattern": _NOT_ZERO,
                "x-expected": "a duration of 1ms or more",
            },
        },
        "minProperties": 1,
        "dependentRequired": {"window": ["limit"]},
        "additionalProperties": False,
    }
    EXAMPLES: ClassVar = ({"remaining": 0}, {"limit": 5, "window": "1m"})

    remaining: int | None = None
    limit: int | None = None
    window: int | None = None

    def __post_init__(self) -> None:
        if self.window is not None and self.window < 1:
            raise ValueError("window: expected 1ms or more")

    @classmethod
    def parse_step(cls, step: Json, *, is_read: bool) -> Self:  # noqa: ARG003 - one signature
        """Read `rate_limit: {remaining, limit, window}`."""
        return cls.parse(step[cls.name])

    @classmethod
    def parse(cls, value: Json) -> Self:
        """Read `{remaining, limit, window}`."""
        window = value.get("window")
        length = None if window is None else read_duration(window)
        return cls(value.get("remaining"), value.get("limit"), length)

    def step_source(self, *, is_read: bool) -> dict[str, Any]:  # noqa: ARG002 - one signature
        """Write what is moved."""
        return self.source()

    def value(self) -> dict[str, object]:
        """Write `{remaining, limit, window}`."""
        window = None if self.window is None else show_duration(self.window)
        return _given({"remaining": self.remaining, "limit": self.limit, "window": window})

    def step_plan(self, rule: str, known_as: str) -> StepPlan:  # noqa: ARG002 - one signature
        """Perform the operation if the call still counts."""
        return StepPlan(limit=self._move())

    def act(self, target: ActionTarget) -> None:
        """Move the limit now."""
        target.limiter.move(target.at, **self._move()._asdict())

    @property
    def describes(self) -> str:
        """Its name, as it makes no event."""
        return self.name

    def _move(self) -> LimitMove:
        return LimitMove(self.remaining, self.limit, self.window)

    def may_have_answered(self, error: str | None) -> bool:
        """Whether the reply is a success; of a 429 the limiter has more to say."""
        return error is None


@dataclass(frozen=True, slots=True)
class Patch(Outcome):
    """The normal reply with a merge patch (RFC 7396)."""

    name: ClassVar = "patch"
    SCHEMA: ClassVar[Json] = {
        "description": "A merge patch (RFC 7396) on the normal reply.",
        "type": "object",
        "minProperties": 1,
        "maxProperties": 100,
        "x-expected": "a mapping that is merged into the reply",
    }
    BESIDE: ClassVar[Json] = {
        "off_contract": {
            "description": "Lets a patch leave the documented contract.",
            "type": "boolean",
            "const": True,
            "x-expected": "true, or leave it out",
        }
    }
    EXAMPLES: ClassVar = ({"status": "pending"},)

    patch: Mapping[str, object]
    off_contract: bool = False

    @classmethod
    def parse_step(cls, step: Json, *, is_read: bool) -> Self:  # noqa: ARG003 - one signature
        """Read `patch` and `off_contract` beside it."""
        return cls(step[cls.name], step.get("off_contract", False))

    @classmethod
    def problems(cls, step: Json, operation: str, contract: Contract) -> Iterator[EntryProblem]:
        """Find a patched reply that breaks the contract, and does not say so."""
        if "off_contract" in step:
            return
        for name in BY_NAME if operation == "*" else (operation,):
            response = BY_NAME[name].response
            [example, *_] = contract.schemas[response]["examples"]
            if errors := contract.problems(response, merged(example, step[cls.name])):
                message = f"the patched reply of {name} breaks the contract: {render(errors)[:-1]}"
                hint = "add off_contract: true to do it anyway"
                yield EntryProblem((cls.name,), message, hint, is_key=True)

    def step_source(self, *, is_read: bool) -> dict[str, Any]:  # noqa: ARG002 - one signature
        """Write the patch, and `off_contract` where it is true."""
        more = {"off_contract": True} if self.off_contract else {}
        return {self.name: dict(self.patch)} | more

    def step_plan(self, rule: str, known_as: str) -> StepPlan:  # noqa: ARG002 - one signature
        """Perform the operation, and patch the reply of a success."""
        return StepPlan(patch=self.patch, off_contract=self.off_contract)

    def may_have_answered(self, error: str | None) -> bool:
        """Whether the reply is a success."""
        return error is None


OUTCOMES: Final[tuple[type[Outcome], ...]] = (
    Pass, Respond, *FAULTS, MoveRateLimit, Settle, Patch,
)  # fmt: skip
"""Every outcome that a step can have, in the order of the documentation."""


def _given(said: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in said.items() if value is not None}
