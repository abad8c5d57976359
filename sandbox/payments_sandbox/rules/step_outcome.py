"""Owns what all outcomes of a step have in common, and the plan that each makes for a call.

An outcome performs nothing: it says in a `StepPlan` what is to happen, and `api/apply_step.py`
carries plans out without knowing any outcome by name.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final, Literal, NamedTuple, Self

from payments_sandbox.contract.schemas import Contract
from payments_sandbox.core.errors import SandboxError
from payments_sandbox.payments.payment import Status
from payments_sandbox.rules.schema_parts import Json


class Settlement(NamedTuple):
    """The later status of a pending payment.

    Attributes:
        after: virtual milliseconds from its creation; None where reads decide.
        reads: at which `retrieve_payment` of it.
    """

    to: Literal[Status.COMPLETED, Status.FAILED]
    after: int | None = None
    reads: int | None = None


class PaymentOptions(NamedTuple):
    """How a step has an operation performed.

    Attributes:
        decline_code: what the payment fails with.
        turns: what the payment, then pending, becomes later.
        rule: whose turns they are, for the report.
    """

    decline_code: str | None = None
    turns: tuple[Settlement, ...] | None = None
    rule: str = ""


DEFAULT: Final = PaymentOptions()
"""The operation happens as it would without a rule."""


class LimitMove(NamedTuple):
    """How the rate limit is moved; what is None stays as it is.

    Attributes:
        remaining: what remains of this window.
        limit, window: how many requests a window of so many virtual milliseconds has, for good.
    """

    remaining: int | None = None
    limit: int | None = None
    window: int | None = None


class EntryProblem(NamedTuple):
    """What the lint says of a value whose shape is right.

    Attributes:
        path: from the mapping that has the entry's key to the place.
        message: what is wrong.
        hint: what would have worked.
        is_key: whether it is the key that is wrong, not its value.
    """

    path: tuple[str | int, ...]
    message: str
    hint: str | None = None
    is_key: bool = False


class StepPlan(NamedTuple):
    """What a step makes of a call.

    Attributes:
        options: how the operation is performed; None where it is not.
        answer: the error that is answered in place of the operation's own reply.
        limit: how the rate limit is moved before the call counts against it.
        patch: a merge patch (RFC 7396) on the reply of a success.
        off_contract: whether the patched reply may break the contract.
        hold: wall milliseconds to keep the call before anything of this happens; 0 where it is not.
    """

    options: PaymentOptions | None = DEFAULT
    answer: SandboxError | None = None
    limit: LimitMove | None = None
    patch: Json | None = None
    off_contract: bool = False
    hold: int = 0


class Outcome(ABC):
    """What a step of a request rule makes of a call; the values are frozen.

    Attributes:
        name: the key of a step in scenarios.
        SCHEMA: the JSON Schema of the key's value; `make generate` writes it into the scenario
            schema, and the lint reads it.
        BESIDE: schemas of the keys of a step that go with this outcome only, by key.
        EXAMPLES: values of the key as a scenario has them, `commit` left out.
        ROW: what the client meets, for the table of steps in docs/scenario-language.md.
        needs_commit: whether a scenario has to say `commit` where the operation changes something.
        is_replayed: whether a scenario made of the journal repeats it.
        wall_time: the key in its mapping of a duration that a client waits, if it has one.
    """

    __slots__ = ()

    name: ClassVar[str]
    SCHEMA: ClassVar[Json]
    EXAMPLES: ClassVar[tuple[Any, ...]]
    ROW: ClassVar[str]
    BESIDE: ClassVar[Json] = {}
    needs_commit: ClassVar[bool] = False
    is_replayed: ClassVar[bool] = True
    wall_time: ClassVar[str | None] = None

    @classmethod
    @abstractmethod
    def parse_step(cls, step: Json, *, is_read: bool) -> Self:
        """Read a step that has the outcome's key.

        Args:
            step: the whole mapping, valid by the scenario schema.
            is_read: whether the rule is about an operation that changes nothing.

        Raises:
            ValueError: the values do not go together; the text names the key and what would do.
        """

    @abstractmethod
    def step_source(self, *, is_read: bool) -> dict[str, Any]:
        """The keys of a step that `parse_step` makes the outcome of again."""

    @abstractmethod
    def step_plan(self, rule: str) -> StepPlan:
        """Say what is to happen to a call; `rule` is the rule's name within its scenario."""

    def may_have_answered(self, error: str | None) -> bool:
        """Whether a reply in the journal, no fault in its place, can have come of the outcome.

        `error` is the code that was answered; None stands for a success, which most outcomes give.
        """
        return error is None

    @classmethod
    def problems(cls, step: Json, operation: str, contract: Contract) -> Iterator[EntryProblem]:
        """Find what no schema sees in a step that has the outcome's key.

        Args:
            step: the whole mapping; lists in it may have gaps, which are None.
            operation: that the rule is about, or `*` for any.
            contract: what replies are held against.
        """
        yield from ()

    @classmethod
    def may_commit(cls) -> bool:
        """Whether a scenario can say `commit`."""
        return "commit" in cls.SCHEMA.get("properties", ())


def merged(target: object, patch: object) -> object:
    """The target with the patch merged into it; neither is changed."""
    if not isinstance(patch, Mapping):
        return patch
    found = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merged(found.get(key), value)
    return found
