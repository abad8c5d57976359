"""Owns the model of the scenario language: rules, their steps, and what a step can do.

A rule says where a working API deviates. A request rule answers calls with steps, one per matching
call; an event rule acts some virtual time after a fact. The magic cards are written in it.
"""

from enum import StrEnum
from typing import NamedTuple

from payments_sandbox.rules.action import Action
from payments_sandbox.rules.delays import Delay
from payments_sandbox.rules.outcomes import Pass
from payments_sandbox.rules.step_outcome import Outcome


class Per(StrEnum):
    """Whose calls a rule counts."""

    WORLD = "world"
    PAYMENT = "payment"
    CUSTOMER = "customer"
    CARD = "card"


class Then(StrEnum):
    """What a request rule does after its last step."""

    PASS = "pass"  # noqa: S105 - no password: the next rule may answer
    REPEAT_LAST = "repeat_last"
    CYCLE = "cycle"
    FAIL = "fail"


class Step(NamedTuple):
    """What one matching call gets.

    Attributes:
        outcome: at most one deviation; `Pass` is the normal answer.
        delay: how long the reply is held, in wall milliseconds; the operation happens on arrival.
        times: how many calls the step serves.
    """

    outcome: Outcome = Pass()
    delay: Delay = 0
    times: int = 1


class Condition(NamedTuple):
    """One thing that must hold.

    Attributes:
        field: what is looked at: `amount`, `header.x-test`, `call`, …
        operator: `eq`, `in`, `gte`, …, as in the scenario.
        operand: what it is held against; of `in` and `not_in` a tuple.
    """

    field: str
    operator: str
    operand: "int | str | bool | tuple[int | str, ...]"


When = tuple[Condition, ...]
"""What a call or a payment must be for a rule to apply to it: all of these."""


class RequestRule(NamedTuple):
    """Answers the matching calls of one operation, or of all (`*`), with its steps."""

    name: str
    operation: str
    when: When
    steps: tuple[Step, ...]
    per: Per = Per.WORLD
    then: Then = Then.PASS
    chance: float = 1.0

    @property
    def answers_alike(self) -> bool:
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
    """Acts `at` so many virtual milliseconds after the activation, on every payment that fits."""

    name: str
    at: int
    when: When
    action: Action
    per: Per = Per.WORLD
    chance: float = 1.0


CardRule = RequestRule | EventRule
"""What the magic cards are made of."""
