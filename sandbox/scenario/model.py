"""Owns the model of the scenario language: rules, their steps, and what a step can do.

A rule says where a working API deviates. A request rule answers calls with steps, one per matching
call; an event rule acts some virtual time after a fact. The magic cards are written in it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from sandbox.domain.payments import Status
from sandbox.scenario.wire import Fault


class Per(StrEnum):
    """Whose calls a rule's steps count."""

    WORLD = "world"
    PAYMENT = "payment"
    CUSTOMER = "customer"
    CARD = "card"


class Then(StrEnum):
    """What a request rule does after its last step."""

    PASS = "pass"  # noqa: S105 - no password: the next rule may answer
    REPEAT_LAST = "repeat_last"


@dataclass(frozen=True, slots=True)
class Pass:
    """Behave normally."""


@dataclass(frozen=True, slots=True)
class Respond:
    """Answer with an error documented for the operation.

    Attributes:
        error: the code; status and message come from `sandbox.contract.codes`.
        commit: whether the operation happens first. Without it a decline of `create_payment`
            still keeps the attempt as a failed payment: that is what a decline is.
    """

    error: str
    commit: bool = False


@dataclass(frozen=True, slots=True)
class ExhaustRateLimit:
    """Move the real limiter to `remaining` before the call; with 0 the call itself is a 429."""

    remaining: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """One later status of a pending payment, `after` virtual milliseconds from its creation."""

    to: Literal[Status.COMPLETED, Status.FAILED]
    after: int


@dataclass(frozen=True, slots=True)
class Settle:
    """The payment starts as pending and takes these turns; with none it stays pending."""

    turns: tuple[Settlement, ...]


Outcome = Pass | Respond | Fault | ExhaustRateLimit | Settle


@dataclass(frozen=True, slots=True)
class Step:
    """What one matching call gets.

    Attributes:
        outcome: at most one deviation; `Pass` is the normal answer.
        delay: wall milliseconds for which the reply is held; the operation happens on arrival.
        times: how many calls the step serves.
    """

    outcome: Outcome = Pass()
    delay: int = 0
    times: int = 1


@dataclass(frozen=True, slots=True)
class When:
    """What a call or a payment must be for a rule to apply to it."""

    card: str


@dataclass(frozen=True, slots=True)
class RequestRule:
    """Answers the matching calls of one operation with its steps."""

    name: str
    operation: Literal["create_payment", "create_refund"]
    when: When
    steps: tuple[Step, ...]
    per: Per = Per.WORLD
    then: Then = Then.PASS

    @property
    def answers_alike(self) -> bool:
        """Whether every call gets the same step, so that nothing has to be counted."""
        return len(self.steps) == 1 and self.then is Then.REPEAT_LAST


@dataclass(frozen=True, slots=True)
class ChargeBack:
    """Take back what is left of the payment."""

    reason: str


@dataclass(frozen=True, slots=True)
class EventRule:
    """Acts on the payment of a matching event, `after` virtual milliseconds later."""

    name: str
    event: Literal["payment.completed"]
    when: When
    after: int
    action: ChargeBack


Rule = RequestRule | EventRule
