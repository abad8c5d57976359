"""Owns the model of the scenario language: a scenario as a value, with its rules and their steps.

A rule says where a working API deviates. A request rule answers calls with steps, one per matching
call; an event rule acts some virtual time after a fact. The magic cards are written in it.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from payments_sandbox.core.instants import Instant
from payments_sandbox.payments.payment import Status
from payments_sandbox.rules.action import Action
from payments_sandbox.rules.delays import Delay
from payments_sandbox.rules.outcomes import Pass
from payments_sandbox.rules.step_outcome import Outcome
from payments_sandbox.rules.webhook_effects import WebhookEffects


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


class WebhookRule(NamedTuple):
    """Changes the deliveries of an event, or of a family of events such as `payment.*`."""

    name: str
    webhook: str
    when: When
    effects: WebhookEffects
    per: Per = Per.WORLD
    chance: float = 1.0
    delay: Delay = 0


Rule = RequestRule | EventRule | AtRule | WebhookRule

CardRule = RequestRule | EventRule
"""What the magic cards are made of."""


class GivenPayment(NamedTuple):
    """A payment that is already there.

    Attributes:
        id: its id, for rules and expectations to name; None draws one.
        created: an instant as text, or a duration before the start such as `-40d`; None is now.
        card: its number.
    """

    amount: int
    currency: str
    id: str | None = None
    customer_id: str | None = None
    description: str | None = None
    status: Status = Status.COMPLETED
    created: str | None = None
    card: str = "4242424242424242"


class Generated(NamedTuple):
    """So many realistic payments, of so many customers, over so many milliseconds until now."""

    payments: int
    customers: int
    over: int


class Given(NamedTuple):
    """The state that a scenario starts from.

    Attributes:
        webhook_endpoints: as the control API takes them; a `url` may also be `inbox:NAME`.
        limit, remaining: how the rate limit stands.
    """

    payments: tuple[GivenPayment, ...] = ()
    generate: Generated | None = None
    webhook_endpoints: tuple[Mapping[str, object], ...] = ()
    limit: int | None = None
    remaining: int | None = None


class Expectation(NamedTuple):
    """One thing that must be true afterwards.

    Attributes:
        check: what it says, a `Check` of `payments_sandbox.verification`, which alone asks it.
        source: as it was written.
        within: wall milliseconds that may be waited for it.
        conditions: what the calls, payments or refunds that it counts have to be.
    """

    check: Any
    source: Mapping[str, object]
    within: int = 0
    conditions: When = ()


class Scenario(NamedTuple):
    """A short list of deviations from a working API, and what must be true afterwards.

    Attributes:
        source: as it was written, in plain values; a scenario is kept and sent as this.
        seed: what its draws come from; None is the world's.
        clock: where the world's clock starts, frozen; None leaves it alone.
    """

    name: str
    source: Mapping[str, object]
    about: str = ""
    tags: tuple[str, ...] = ()
    seed: int | None = None
    clock: Instant | None = None
    given: Given | None = None
    rules: tuple[Rule, ...] = ()
    expectations: tuple[Expectation, ...] = ()
