"""Owns the model of the scenario language: rules, their conditions and their steps.

A rule says where the API deviates from normal behaviour. A request rule answers calls with its
steps, one for each matching call. An event rule acts some virtual time after an event. The magic
cards consist of these rules, too.
"""

from enum import StrEnum
from typing import NamedTuple

from payments_sandbox.rules.action import Action
from payments_sandbox.rules.delays import Delay
from payments_sandbox.rules.outcomes import Pass
from payments_sandbox.rules.step_outcome import Outcome


class Per(StrEnum):
    """By what a rule counts calls."""

    WORLD = "world"
    PAYMENT = "payment"
    CUSTOMER = "customer"
    CARD = "card"


class Then(StrEnum):
    """What a request rule does after its last step."""

    PASS = "pass"  # noqa: S105 - not a password: the next rule may answer
    REPEAT_LAST = "repeat_last"
    CYCLE = "cycle"
    FAIL = "fail"


class Step(NamedTuple):
    """What one matching call gets.

    Attributes:
        outcome: at most one deviation; `Pass` is the normal answer.
        delay: how many wall milliseconds the reply is delayed; the operation happens at once.
        times: how many calls the step serves.
    """

    outcome: Outcome = Pass()
    delay: Delay = 0
    times: int = 1


class Condition(NamedTuple):
    """One condition of a rule or an expectation.

    Attributes:
        field: the name of the field: `amount`, `header.x-test`, `call`, …
        operator: `eq`, `in`, `gte`, …, as in the scenario.
        operand: the value to compare with; for `in` and `not_in` a tuple.
    """

    field: str
    operator: str
    operand: "int | str | bool | tuple[int | str, ...]"


When = tuple[Condition, ...]
"""The conditions of a rule, all of which a call or a payment must meet."""


class RequestRule(NamedTuple):
    """Answers matching calls of one operation, or of all (`*`), with its steps."""

    name: str
    operation: str
    when: When
    steps: tuple[Step, ...]
    per: Per = Per.WORLD
    then: Then = Then.PASS
    chance: float = 1.0

    @property
    def has_one_step(self) -> bool:
        """Whether every call gets the same step, so that nothing has to be counted."""
        return len(self.steps) == 1 and self.then in (Then.REPEAT_LAST, Then.CYCLE)


class EventRule(NamedTuple):
    """Acts on the payment of a matching event, `after` virtual milliseconds later."""

    name: str
    event: str
    when: When
    after: int
    action: Action
    per: Per = Per.WORLD
    chance: float = 1.0


class AtRule(NamedTuple):
    """Acts on every matching payment, `at` virtual milliseconds after the activation."""

    name: str
    at: int
    when: When
    action: Action
    per: Per = Per.WORLD
    chance: float = 1.0


CardRule = RequestRule | EventRule
"""The kinds of rules that magic cards have."""
