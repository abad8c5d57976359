"""Owns what every expectation has: its kind's entry, what it checks, and how it turned out."""

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
    """How an expectation stands.

    Attributes:
        met: whether it is met.
        observed: in words what was seen.
        is_final: it is not met, and nothing that may still happen can change that.
    """

    met: bool
    observed: str
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class EvaluationContext:
    """What expectations are held against.

    Attributes:
        observed: the calls and deliveries, and the world they were of.
        rules: the active rules of whose firing `rules: all_fired` speaks.
        auditing: gives what the audit finds, in slices; most expectations do not ask for it.
    """

    observed: Observed
    rules: Sequence[AnyActiveRule]
    auditing: Callable[[], Slices[Sequence[Finding]]]


MAX_WAIT: Final = 5 * MINUTE
"""Wall milliseconds that expectations may be waited for."""


class Check(Protocol):
    """What one expectation says must be true; each kind has a value of its own."""

    def evaluate(self, context: EvaluationContext) -> ExpectationResult | Slices[ExpectationResult]:
        """Hold it against what was seen; in slices where that may take long."""


class ExpectationKind(NamedTuple):
    """All that is known about one kind of expectation.

    Attributes:
        key: the word of the scenario language that says which kind it is.
        docs: when it is met, as docs/scenario-language.md has it in its table.
        schema: its part of the scenario's JSON Schema; `within` is added to each.
        examples: expectations of this kind, as they are written.
        parse: makes the value of one that the schema has accepted.
        matchers: the key under which its matchers stand; None where it has none.
        fields: what the matchers can look at; empty where they are about calls of an operation,
            whose fields are known.
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
