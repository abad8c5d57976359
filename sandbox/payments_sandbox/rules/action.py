"""Owns the base class of the actions of event rules and `at` rules."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Final, NamedTuple, Self

from payments_sandbox.core.errors import IllegalMove
from payments_sandbox.core.instants import Instant
from payments_sandbox.payments.events import EventType
from payments_sandbox.payments.ledger import Ledger
from payments_sandbox.payments.payment import Move
from payments_sandbox.payments.rate_limiter import RateLimiter
from payments_sandbox.rules.schema_parts import Json
from payments_sandbox.rules.step_outcome import EntryProblem

EVENT_OF: Final = {
    Move.COMPLETE: EventType.PAYMENT_COMPLETED,
    Move.FAIL: EventType.PAYMENT_FAILED,
    Move.REFUND: EventType.REFUND_CREATED,
    Move.CHARGE_BACK: EventType.CHARGEBACK_CREATED,
}
"""The event that each move of a payment causes."""


class ActionTarget(NamedTuple):
    """What an action acts on, and when.

    Attributes:
        number: the number of the payment in the ledger; None if the action concerns no payment.
        at: the instant on the world's clock.
        event_data: returns the data of an event, from its type and the number of the payment.
    """

    ledger: Ledger
    limiter: RateLimiter
    number: int | None
    at: Instant
    event_data: Callable[[Ledger, EventType, int], dict[str, object]]

    @property
    def payment(self) -> int:
        """The number of the payment.

        Raises:
            IllegalMove: the action concerns no payment.
        """
        if self.number is None:
            raise IllegalMove("It is not about a payment.")
        return self.number


class Action(ABC):
    """What an event rule or an `at` rule does; instances are frozen.

    Attributes:
        name: its key in scenarios.
        SCHEMA: the JSON Schema of the key's value; `make generate` writes it into the scenario
            schema, which the lint reads.
        EXAMPLES: values of the key in a scenario.
        ROW: what happens, for the table in docs/scenario-language.md.
        payment_move: the move of the payment; None if it makes none.
    """

    __slots__ = ()

    name: ClassVar[str]
    SCHEMA: ClassVar[Json]
    EXAMPLES: ClassVar[tuple[Any, ...]]
    ROW: ClassVar[str]
    payment_move: ClassVar[Move | None] = None

    @classmethod
    @abstractmethod
    def parse(cls, value: Any) -> Self:  # noqa: ANN401 - as JSON has it
        """Read the value of the key, which is valid by `SCHEMA`."""

    @abstractmethod
    def value(self) -> object:
        """Write the value from which `parse` makes an equal action."""

    @abstractmethod
    def act(self, target: ActionTarget) -> None:
        """Carry out the action.

        Raises:
            IllegalMove, RefundRefused, InvalidRequest: it is no longer possible; nothing changed.
        """

    @property
    def describes(self) -> str:
        """What the timeline shows: the type of the event that it causes, or its name."""
        return self.name if self.payment_move is None else EVENT_OF[self.payment_move].value

    def problem(self) -> EntryProblem | None:
        """The problem with the values in combination, or None."""
        return None

    def problem_without_payment(self) -> EntryProblem | None:
        """The problem if the rule has no condition on payments, or None if it needs none."""
        if self.payment_move is None:
            return None
        message = f"'{self.name}' needs a payment, and nothing selects one"
        return EntryProblem((), message, "add when, such as {status: completed}")

    def source(self) -> dict[str, object]:
        """The action as written in a scenario, and in a snapshot of the timeline."""
        return {self.name: self.value()}
