"""Owns scenarios of tests: read from a few lines of YAML, played without a world around them."""

from collections.abc import Mapping
from textwrap import dedent, indent

from payments_sandbox.rules.rule_engine import Decision, RuleEngine
from payments_sandbox.rules.scenario import Scenario
from payments_sandbox.rules.selected_step import SelectedStep
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


class Known:
    """Fields that are what a test says."""

    def __init__(self, facts: Mapping[str, object]) -> None:
        self._facts = facts

    def get(self, field: str) -> object:
        """The value of a field."""
        return self._facts.get(field)


class Stage:
    """A play, asked about calls."""

    def __init__(self, *scenarios: Scenario, seed: int = 7) -> None:
        self.play = RuleEngine(scenarios, seed)

    def decision(self, operation: str = "create_payment", **facts: object) -> Decision:
        """What the rules say to a call."""
        return self.play.decide(operation, Known(facts))

    def answer(self, operation: str = "create_payment", **facts: object) -> tuple[str, int] | None:
        """The rule that answers a call, and its step."""
        selected = self.selected(operation, **facts)
        return None if selected is None else (selected.rule, selected.position)

    def selected(self, operation: str = "create_payment", **facts: object) -> SelectedStep | None:
        """The selected on a call."""
        selected, _ = self.decision(operation, **facts)
        return selected

    def why_not(self, operation: str = "create_payment", **facts: object) -> list[str]:
        """Why each of the other rules did not answer, as the journal says it."""
        _, considered = self.decision(operation, **facts)
        return [f"{rule}: {why}" for _, rule, why in considered]

    def twin(self) -> "Stage":
        """A stage that goes on where this one is."""
        found = Stage(*self.play.scenarios)
        counts = {key: value for key, value in self.play.snapshot().items() if key != "scenarios"}
        found.play.restore(**counts)  # type: ignore[arg-type]  # JSON
        return found
