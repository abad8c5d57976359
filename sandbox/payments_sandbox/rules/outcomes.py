"""Owns the outcomes of a step, including wire faults: one class each, with everything about it.

To add an outcome, add a class here, or in a separate module such as `settle.py`, and list it in
`OUTCOMES`. tests/rules/test_outcomes.py checks that every outcome does what it promises.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

from payments_sandbox.contract.error_codes import CODES
from payments_sandbox.contract.operations import BY_NAME
from payments_sandbox.contract.schema_errors import render
from payments_sandbox.contract.schemas import Contract
from payments_sandbox.core.errors import SandboxError
from payments_sandbox.core.instants import read_duration, show_duration
from payments_sandbox.rules.action import Action, ActionTarget
from payments_sandbox.rules.faults import FAULTS
from payments_sandbox.rules.schema_parts import (
    OPTIONAL_COMMIT,
    Json,
    flag,
    mapping,
    positive_duration,
    text,
    whole,
    without_none,
    word,
)
from payments_sandbox.rules.settle import Settle
from payments_sandbox.rules.step_outcome import (
    EntryProblem,
    LimitMove,
    Outcome,
    PaymentOptions,
    StepPlan,
    merged,
)

_MOST_REQUESTS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Pass(Outcome):
    """The call behaves normally."""

    name: ClassVar = "pass"
    SCHEMA: ClassVar[Json] = flag("Behave normally.")
    EXAMPLES: ClassVar = (True,)
    ROW: ClassVar = "the normal reply"

    @classmethod
    def parse_step(cls, step: Json, *, is_read: bool) -> Self:
        """Read `pass: true`."""
        return cls()

    def step_source(self, *, is_read: bool) -> dict[str, Any]:
        """Write nothing: a step without an outcome passes."""
        return {}

    def step_plan(self, rule: str) -> StepPlan:
        """Perform the operation."""
        return StepPlan()


@dataclass(frozen=True, slots=True)
class Respond(Outcome):
    """An error that is documented for the operation.

    Attributes:
        error: the code; status and message come from `payments_sandbox.contract.error_codes`.
        commit: whether the operation takes effect first. Without it, a decline of
            `create_payment` still stores a failed payment, as declines do.
        message: replaces the message of the code.
        details: the details of the error.
    """

    name: ClassVar = "respond"
    SCHEMA: ClassVar[Json] = mapping(
        "An error that is documented for the operation.",
        "{error: internal_error}",
        {
            "error": word(
                "Its code; status and body come from the contract.",
                "an error code",
                [code for code, each in CODES.items() if each.operations],
                "an error is a documented code such as internal_error",
            ),
            "message": text("Replaces the code's own message.", 500),
            "details": text("The details of the error.", 1000),
            "commit": OPTIONAL_COMMIT,
        },
        ["error"],
    )
    EXAMPLES: ClassVar = (
        {"error": "internal_error"},
        {"error": "internal_error", "message": "Oops", "details": "Later."},
    )
    ROW: ClassVar = (
        "an error documented for this operation: `error`, and optionally"
        " `message`, `details`, `commit`"
    )

    error: str
    commit: bool = False
    message: str | None = None
    details: str | None = None

    @classmethod
    def parse_step(cls, step: Json, *, is_read: bool) -> Self:
        """Read `respond: {error, commit, message, details}`."""
        fields = step[cls.name]
        commit = fields.get("commit", False)
        return cls(fields["error"], commit, fields.get("message"), fields.get("details"))

    def step_source(self, *, is_read: bool) -> dict[str, Any]:
        """Write the error, and `commit` if it is true and has an effect."""
        fields = {"error": self.error, "message": self.message, "details": self.details}
        commit = {"commit": True} if self.commit and not is_read else {}
        return {self.name: without_none(fields) | commit}

    def step_plan(self, rule: str) -> StepPlan:
        """Answer with the error; a decline that does not commit stores a failed payment."""
        error = SandboxError(self.error, self.details, message=self.message)
        if self.commit:
            return StepPlan(answer=error)
        is_decline = CODES[self.error].is_decline
        return StepPlan(PaymentOptions(decline_code=self.error) if is_decline else None, error)

    @classmethod
    def problems(cls, step: Json, operation: str, contract: Contract) -> Iterator[EntryProblem]:
        """Find an error that the operation does not document."""
        operations = set(BY_NAME) if operation == "*" else {operation}
        known = [name for name, code in CODES.items() if operations.issubset(code.operations)]
        error = step[cls.name]["error"]
        if error not in known:
            whose = "every operation" if operation == "*" else operation
            message, hint = (
                f"'{error}' is not an error of {whose}",
                f"expected one of {', '.join(known)}",
            )
            yield EntryProblem((cls.name, "error"), message, hint)

    def may_have_answered(self, error: str | None) -> bool:
        """Whether the code is the same."""
        return error == self.error


@dataclass(frozen=True, slots=True)
class MoveRateLimit(Outcome, Action):
    """Changes the real limiter before the call is counted; if nothing remains, it is a 429.

    Attributes:
        remaining: how many requests remain in this window.
        limit: how many requests a window has, permanently.
        window: its length in virtual milliseconds, permanently.
    """

    name: ClassVar = "rate_limit"
    is_replayed: ClassVar = False  # the scenario would change the limit again
    SCHEMA: ClassVar[Json] = mapping(
        "Moves the real limiter, headers included.",
        "{remaining: 0}",
        {
            "remaining": whole("What remains of this window.", 0, _MOST_REQUESTS),
            "limit": whole("How many requests a window has.", 0, _MOST_REQUESTS),
            "window": positive_duration("How long a window is, in virtual time; default: an hour."),
        },
        x_hint="it needs remaining, or limit and optionally window",
        minProperties=1,
        dependentRequired={"window": ["limit"]},
    )
    EXAMPLES: ClassVar = ({"remaining": 0}, {"limit": 5, "window": "1m"})
    ROW: ClassVar = (
        "the real rate limit is changed: `remaining`, or a `limit` and optionally a `window`;"
        " in a step, the change applies to its own call, too"
    )

    remaining: int | None = None
    limit: int | None = None
    window: int | None = None

    @classmethod
    def parse_step(cls, step: Json, *, is_read: bool) -> Self:
        """Read `rate_limit: {remaining, limit, window}`."""
        return cls.parse(step[cls.name])

    @classmethod
    def parse(cls, value: Json) -> Self:
        """Read `{remaining, limit, window}`."""
        window = value.get("window")
        length = None if window is None else read_duration(window)
        return cls(value.get("remaining"), value.get("limit"), length)

    @classmethod
    def problems(cls, step: Json, operation: str, contract: Contract) -> Iterator[EntryProblem]:
        """Find a contradiction between its values."""
        if (found := cls.parse(step[cls.name]).problem()) is not None:
            yield found

    def problem(self) -> EntryProblem | None:
        """Report if `remaining` exceeds `limit`."""
        if self.limit is None or self.remaining is None or self.remaining <= self.limit:
            return None
        return EntryProblem((self.name, "remaining"), "remaining is larger than limit")

    def step_source(self, *, is_read: bool) -> dict[str, Any]:
        """Write `rate_limit: {remaining, limit, window}`."""
        return self.source()

    def value(self) -> dict[str, object]:
        """Write `{remaining, limit, window}`."""
        window = None if self.window is None else show_duration(self.window)
        return without_none({"remaining": self.remaining, "limit": self.limit, "window": window})

    def step_plan(self, rule: str) -> StepPlan:
        """Perform the operation if the call still counts."""
        return StepPlan(limit=self._move())

    def act(self, target: ActionTarget) -> None:
        """Change the limiter now."""
        target.limiter.move(target.at, **self._move()._asdict())

    def _move(self) -> LimitMove:
        return LimitMove(self.remaining, self.limit, self.window)


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
    SIBLING_KEYS: ClassVar[Json] = {
        "off_contract": flag("Lets a patch leave the documented contract.")
    }
    EXAMPLES: ClassVar = ({"status": "pending"},)
    ROW: ClassVar = (
        "the normal reply with a merge patch; the result must comply with the documentation"
        " unless there is `off_contract: true`"
    )

    patch: Mapping[str, object]
    off_contract: bool = False

    @classmethod
    def parse_step(cls, step: Json, *, is_read: bool) -> Self:
        """Read `patch`, and `off_contract` next to it."""
        return cls(step[cls.name], step.get("off_contract", False))

    @classmethod
    def problems(cls, step: Json, operation: str, contract: Contract) -> Iterator[EntryProblem]:
        """Find a patched reply that breaks the contract without `off_contract`."""
        if "off_contract" in step:
            return
        for name in BY_NAME if operation == "*" else (operation,):
            response = BY_NAME[name].response
            [example, *_] = contract.schemas[response]["examples"]
            if errors := contract.problems(response, merged(example, step[cls.name])):
                message = f"the patched reply of {name} breaks the contract: {render(errors)[:-1]}"
                hint = "add off_contract: true to send it anyway"
                yield EntryProblem((cls.name,), message, hint, is_key=True)

    def step_source(self, *, is_read: bool) -> dict[str, Any]:
        """Write the patch, and `off_contract` if it is true."""
        more = {"off_contract": True} if self.off_contract else {}
        return {self.name: dict(self.patch)} | more

    def step_plan(self, rule: str) -> StepPlan:
        """Perform the operation, and patch the reply of a success."""
        return StepPlan(patch=self.patch, off_contract=self.off_contract)


@dataclass(frozen=True, slots=True)
class Hold(Outcome):
    """Hold the call; unless a user chooses another step meanwhile, it then behaves normally.

    Attributes:
        lasts: wall milliseconds; `--max-wall-delay` does not limit them, as a user is watching.
    """

    name: ClassVar = "hold"
    SCHEMA: ClassVar[Json] = mapping(
        "Held before it has any effect, until somebody decides.",
        "{for: 10m}",
        {"for": positive_duration("How long, in wall time; --max-wall-delay does not cut it.")},
        ["for"],
    )
    EXAMPLES: ClassVar = ({"for": "10m"}, {"for": "250ms"})
    ROW: ClassVar = (
        "nothing at first: the call is held before it has any effect, until `POST held/{id}`"
        " gives it another step; after `for` it behaves normally"
    )

    lasts: int

    @classmethod
    def parse_step(cls, step: Json, *, is_read: bool) -> Self:
        """Read `hold: {for}`."""
        return cls(read_duration(step[cls.name]["for"]))

    def step_source(self, *, is_read: bool) -> dict[str, Any]:
        """Write `hold: {for}`."""
        return {self.name: {"for": show_duration(self.lasts)}}

    def step_plan(self, rule: str) -> StepPlan:
        """Hold the call without performing the operation."""
        return StepPlan(options=None, hold=self.lasts)


OUTCOMES: Final[tuple[type[Outcome], ...]] = (
    Pass, Respond, *FAULTS, MoveRateLimit, Settle, Patch, Hold,
)  # fmt: skip
"""Every outcome of a step, in the order of the documentation."""

SAYS_RATE_LIMITED: Final = Respond("rate_limit_exceeded")
"""A 429 that leaves the limiter as it is."""

EXHAUSTS_RATE_LIMIT: Final = MoveRateLimit(remaining=0)
"""A 429 for this call and all later ones in its window."""
