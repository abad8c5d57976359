"""Owns scenarios of tests: read from a few lines of YAML, played without a world around them."""

from collections.abc import Mapping
from textwrap import dedent, indent

from payments_sandbox.rules.rule_engine import Decision, RuleEngine
from payments_sandbox.rules.scenario import Scenario
from payments_sandbox.rules.step_search import SelectedStep
from payments_sandbox.scenarios.loader import load


def scenario_of(text: str, *, name: str = "scene", seed: int | None = None) -> Scenario:
    """The scenario of a text that starts behind its name; it has to be without a fault."""
    head = f"scenario: {name}\n" + ("" if seed is None else f"seed: {seed}\n")
    loaded = load(head + dedent(text), name=name)
    assert loaded.problems == (), loaded.problems
    assert loaded.scenario is not None
    return loaded.scenario


def rules_of(text: str, *, name: str = "scene", seed: int | None = None) -> Scenario:
    """A scenario of nothing but these rules."""
    return scenario_of(f"rules:\n{indent(dedent(text), '  ')}", name=name, seed=seed)


class GivenFields:
    """Fields that are what a test says."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values

    def get(self, name: str, /) -> object:
        """The value of a field."""
        return self._values.get(name)


class EngineFixture:
    """A rule engine without a world, asked about calls."""

    def __init__(self, *scenarios: Scenario, seed: int = 7) -> None:
        self.rules = RuleEngine(seed)
        self.rules.set_scenarios(scenarios)

    def decide(self, operation: str = "create_payment", **values: object) -> Decision:
        """What the rules decide about a call."""
        return self.rules.decide(operation, GivenFields(values))

    def answer(self, operation: str = "create_payment", **values: object) -> tuple[str, int] | None:
        """The rule that answers a call, and its step."""
        selected = self.selected(operation, **values)
        return None if selected is None else (selected.rule, selected.position)

    def selected(self, operation: str = "create_payment", **values: object) -> SelectedStep | None:
        """The step that answers a call."""
        return self.decide(operation, **values).selected

    def why_not(self, operation: str = "create_payment", **values: object) -> list[str]:
        """Why each of the other rules did not answer, as the journal says it."""
        explanations = self.decide(operation, **values).explanations
        return [f"{rule}: {why}" for _, rule, why in explanations]

    def twin(self) -> "EngineFixture":
        """An engine that goes on where this one is."""
        found = EngineFixture()
        kept = self.rules.snapshot() | {"scenarios": self.rules.scenarios}
        found.rules.restore(**kept)  # type: ignore[arg-type]  # JSON
        return found
