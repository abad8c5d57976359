"""Owns what all expectations share: the description of a kind, the check, and the result."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from payments_sandbox.core.instants import MINUTE
from payments_sandbox.core.slices import Slices
from payments_sandbox.rules.active_rule import AnyActiveRule
from payments_sandbox.rules.schema_parts import Json
from payments_sandbox.verification.findings.finding import Finding
from payments_sandbox.verification.observed import Observed


class ExpectationResult(NamedTuple):
    """The result of an expectation.

    Attributes:
        met: whether it is met.
        observed: what was observed, in words.
        is_final: whether it is not met and nothing can change that.
    """

    met: bool
    observed: str
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class EvaluationContext:
    """What expectations are evaluated against.

    Attributes:
        observed: the calls and deliveries of a world.
        rules: the active rules to which `rules: all_fired` applies.
        auditing: runs the audit, in slices; most expectations do not need it.
    """

    observed: Observed
    rules: Sequence[AnyActiveRule]
    auditing: Callable[[], Slices[Sequence[Finding]]]


MAX_WAIT: Final = 5 * MINUTE
"""The longest wait for expectations, in wall milliseconds."""


class Check(Protocol):
    """What one expectation requires; each kind has its own class."""

    def evaluate(self, context: EvaluationContext) -> ExpectationResult | Slices[ExpectationResult]:
        """Compare it with what was observed; in slices if that may take long."""


class ExpectationKind(NamedTuple):
    """Everything about one kind of expectation.

    Attributes:
        key: the key in the scenario language that identifies the kind.
        docs: when it is met, for the table in docs/scenario-language.md.
        schema: its part of the scenario's JSON Schema; `within` is added to each.
        examples: expectations of this kind, as written in a scenario.
        parse: makes the check from a mapping that the schema has accepted.
        matchers: the key of its matchers; None if it has none.
        fields: the fields that its matchers may use; empty if they are about the calls of an
            operation, whose fields are known.
        needs_rules: whether it can be met only in a scenario with rules.
    """

    key: str
    docs: str
    schema: Mapping[str, Any]
    examples: tuple[Json, ...]
    parse: Callable[[Json], Check]
    matchers: str | None = None
    fields: tuple[str, ...] = ()
    needs_rules: bool = False

    def operation(self, plain: Json) -> str | None:
        """The operation whose calls the matchers are about; None if they are about records."""
        return None if self.fields else str(plain[self.key])
