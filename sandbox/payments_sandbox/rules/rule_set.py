"""Owns the rules of all active scenarios made ready, by kind, in the order in which they apply."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final, assert_never

from payments_sandbox.contract.operations import BY_NAME
from payments_sandbox.payments.cards import fingerprint
from payments_sandbox.rules.active_rule import CALL, Cue
from payments_sandbox.rules.model import AtRule, EventRule, RequestRule, When
from payments_sandbox.rules.rule_index import Index
from payments_sandbox.rules.scenario import Scenario
from payments_sandbox.rules.webhook_effects import WebhookRule

AnyCue = Cue[RequestRule] | Cue[EventRule] | Cue[AtRule] | Cue[WebhookRule]

_NAMING: Final = frozenset({"eq", "ne", "in", "not_in"})


class Cast:
    """Every rule of every active scenario.

    Attributes:
        all: the rules of all kinds.
        requests, events, marks, webhooks: those of one kind.
        index: where the request rules of an operation are found.
        fields: what the request rules of an operation look at.
        numbers: the cards that some rule or expectation names, by fingerprint.
    """

    __slots__ = ("all", "events", "fields", "index", "marks", "numbers", "requests", "webhooks")

    def __init__(self, scenarios: Sequence[Scenario], seed: int) -> None:
        self.all: list[AnyCue] = []
        self.requests: list[Cue[RequestRule]] = []
        self.events: list[Cue[EventRule]] = []
        self.marks: list[Cue[AtRule]] = []
        self.webhooks: list[Cue[WebhookRule]] = []
        for scenario in scenarios:
            self._add(scenario, seed if scenario.seed is None else scenario.seed)
        self.find()
        self.fields = {name: self._looked_at(name) for name in BY_NAME}
        self.numbers = {fingerprint(number): number for number in self._named_cards(scenarios)}

    def find(self) -> None:
        """Let every request rule be found again."""
        self.index = {name: Index(self._of(name)) for name in BY_NAME}

    def _add(self, scenario: Scenario, seed: int) -> None:
        for rule in scenario.rules:
            match rule:
                case RequestRule():
                    draws = any(not isinstance(step.delay, int) for step in rule.steps)
                    self.requests.append(Cue(scenario.name, rule, seed, draws=draws))
                    self.all.append(self.requests[-1])
                case EventRule():
                    self.events.append(Cue(scenario.name, rule, seed))
                    self.all.append(self.events[-1])
                case AtRule():
                    self.marks.append(Cue(scenario.name, rule, seed))
                    self.all.append(self.marks[-1])
                case WebhookRule():
                    draws = not isinstance(rule.modifiers.delay, int)
                    self.webhooks.append(Cue(scenario.name, rule, seed, draws=draws))
                    self.all.append(self.webhooks[-1])
                case _:
                    assert_never(rule)

    def _of(self, operation: str) -> Iterator[tuple[int, When]]:
        for position, cue in enumerate(self.requests):
            if cue.rule.operation in ("*", operation):
                yield position, cue.rule.when

    def _looked_at(self, operation: str) -> tuple[str, ...]:
        fields = (each.field for _, when in self._of(operation) for each in when)
        return tuple(dict.fromkeys(field for field in fields if field != CALL))

    def _named_cards(self, scenarios: Iterable[Scenario]) -> Iterator[str]:
        whens = [each.conditions for scenario in scenarios for each in scenario.expectations]
        for field, operator, operand in chain(*(cue.rule.when for cue in self.all), *whens):
            if field == "card" and operator in _NAMING:
                yield from map(str, operand if isinstance(operand, tuple) else (operand,))
