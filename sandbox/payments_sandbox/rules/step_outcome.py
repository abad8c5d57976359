"""Owns the base class of the outcomes of a step, and the plan that each makes for a call.

An outcome performs nothing: it describes in a `StepPlan` what is to happen, and
`api/apply_step.py` carries out plans without knowing any outcome by name.
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
        after: virtual milliseconds since its creation; None if `reads` decides.
        reads: the number of the `retrieve_payment` call at which it settles.
    """

    to: Literal[Status.COMPLETED, Status.FAILED]
    after: int | None = None
    reads: int | None = None


class PaymentOptions(NamedTuple):
    """How an operation is to be performed.

    Attributes:
        decline_code: the code with which the payment fails.
        turns: how the payment, which is pending then, settles later.
        rule: the rule with these turns, for the report.
    """

    decline_code: str | None = None
    turns: tuple[Settlement, ...] | None = None
    rule: str = ""


DEFAULT: Final = PaymentOptions()
"""The operation is performed as without a rule."""


class LimitMove(NamedTuple):
    """A change of the rate limit; what is None stays as it is.

    Attributes:
        remaining: how many requests remain in this window.
        limit: how many requests a window has, permanently.
        window: its length in virtual milliseconds, permanently.
    """

    remaining: int | None = None
    limit: int | None = None
    window: int | None = None


class EntryProblem(NamedTuple):
    """A problem of a value that follows its schema, for the lint.

    Attributes:
        path: the path from the mapping with the entry's key to the problem.
        message: what is wrong.
        hint: what would have worked.
        is_key: whether the key is wrong rather than its value.
    """

    path: tuple[str | int, ...]
    message: str
    hint: str | None = None
    is_key: bool = False


class StepPlan(NamedTuple):
    """What a step does with a call.

    Attributes:
        options: how the operation is performed; None if it is not performed.
        answer: the error to answer instead of the operation's own reply.
        limit: the change of the rate limit before the call is counted.
        patch: a merge patch (RFC 7396) on the reply of a success.
        off_contract: whether the patched reply may break the contract.
        hold: wall milliseconds to hold the call before any of this happens; 0 does not hold it.
    """

    options: PaymentOptions | None = DEFAULT
    answer: SandboxError | None = None
    limit: LimitMove | None = None
    patch: Json | None = None
    off_contract: bool = False
    hold: int = 0


class Outcome(ABC):
    """What a step of a request rule does with a call; instances are frozen.

    Attributes:
        name: the key of a step in scenarios.
        SCHEMA: the JSON Schema of the key's value; `make generate` writes it into the scenario
            schema, which the lint reads.
        SIBLING_KEYS: schemas of other keys of a step that are valid only with this outcome.
        EXAMPLES: values of the key in a scenario, without `commit`.
        ROW: what the client meets, for the table of steps in docs/scenario-language.md.
        needs_commit: whether `commit` is required if the operation changes something.
        is_replayed: whether a scenario written from the journal repeats it.
        wall_time: the key of a duration that the client waits, or None.
    """

    __slots__ = ()

    name: ClassVar[str]
    SCHEMA: ClassVar[Json]
    EXAMPLES: ClassVar[tuple[Any, ...]]
    ROW: ClassVar[str]
    SIBLING_KEYS: ClassVar[Json] = {}
    needs_commit: ClassVar[bool] = False
    is_replayed: ClassVar[bool] = True
    wall_time: ClassVar[str | None] = None

    @classmethod
    @abstractmethod
    def parse_step(cls, step: Json, *, is_read: bool) -> Self:
        """Read a step with the outcome's key.

        Args:
            step: the whole mapping, valid by the scenario schema.
            is_read: whether the operation of the rule changes nothing.
        """

    @abstractmethod
    def step_source(self, *, is_read: bool) -> dict[str, Any]:
        """The keys of a step from which `parse_step` makes an equal outcome."""

    @abstractmethod
    def step_plan(self, rule: str) -> StepPlan:
        """Plan what happens to a call; `rule` is the rule's name with that of its scenario."""

    def may_have_answered(self, error: str | None) -> bool:
        """Whether the outcome can have caused a reply in the journal that is not a fault.

        `error` is the error code of the reply; None stands for a success, which is the default.
        """
        return error is None

    @classmethod
    def problems(cls, step: Json, operation: str, contract: Contract) -> Iterator[EntryProblem]:
        """Find problems of a step with the outcome's key that a schema cannot express.

        Args:
            step: the whole mapping; items of its lists may be None, where the lint removed them.
            operation: the operation of the rule, or `*` for any.
            contract: the contract that replies have to follow.
        """
        yield from ()

    @classmethod
    def may_commit(cls) -> bool:
        """Whether the outcome has the key `commit`."""
        return "commit" in cls.SCHEMA.get("properties", ())


def merged(target: object, patch: object) -> object:
    """Merge a patch into a target (RFC 7396) and return the result; neither is changed."""
    if not isinstance(patch, Mapping):
        return patch
    found = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merged(found.get(key), value)
    return found
