"""Owns the model of the scenario language: rules, their steps, and what a step can do.

A rule says where a working API deviates. A request rule answers calls with steps, one per matching
call; an event rule acts some virtual time after a fact. The magic cards are written in it.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal, NamedTuple

from payments_sandbox.payments.payment import Status
from payments_sandbox.rules.delays import Delay
from payments_sandbox.rules.faults.fault import Fault


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


class Pass(NamedTuple):
    """Behave normally."""


class StepsExhausted(NamedTuple):
    """What `then: fail` answers: 500, nothing performed, and a report that fails."""


class Respond(NamedTuple):
    """Answer with an error documented for the operation.

    Attributes:
        error: the code; status and message come from `payments_sandbox.contract.error_codes`.
        commit: whether the operation happens first. Without it a decline of `create_payment`
            still keeps the attempt as a failed payment: that is what a decline is.
        message, details: in place of the code's own.
    """

    error: str
    commit: bool = False
    message: str | None = None
    details: str | None = None


class MoveRateLimit(NamedTuple):
    """Move the real limiter before the call counts; with nothing remaining the call is a 429.

    Attributes:
        remaining: what remains of this window.
        limit, window: how many requests a window of so many virtual milliseconds has, for good.
    """

    remaining: int | None = None
    limit: int | None = None
    window: int | None = None


class Settlement(NamedTuple):
    """The later status of a pending payment.

    Attributes:
        after: virtual milliseconds from its creation; None where reads decide.
        reads: at which `retrieve_payment` of it.
    """

    to: Literal[Status.COMPLETED, Status.FAILED]
    after: int | None = None
    reads: int | None = None


class Settle(NamedTuple):
    """The payment starts as pending and takes these turns; with none it stays pending."""

    turns: tuple[Settlement, ...]


class Patch(NamedTuple):
    """The normal reply with a merge patch (RFC 7396)."""

    patch: Mapping[str, object]
    off_contract: bool = False


Outcome = Pass | StepsExhausted | Respond | Fault | MoveRateLimit | Settle | Patch


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


class ChargeBack(NamedTuple):
    """The card's issuer takes an amount back, or what is left."""

    reason: str
    amount: int | None = None


class Complete(NamedTuple):
    """A pending payment completes."""


class Fail(NamedTuple):
    """A pending payment fails with a decline."""

    error: str


class RefundPayment(NamedTuple):
    """A refund of an amount, or of what is left, as if somebody had used a dashboard."""

    amount: int | None = None
    reason: str | None = None


class Emit(NamedTuple):
    """An event though nothing changed; without data it tells of the payment."""

    type: str
    data: Mapping[str, object] | None = None


Action = ChargeBack | Complete | Fail | RefundPayment | Emit | MoveRateLimit
"""What an event rule or an `at` rule does."""


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
