"""Owns what all actions of event and `at` rules have in common."""

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
"""The event that each move of a payment makes."""


class ActionTarget(NamedTuple):
    """What an action acts on, and when.

    Attributes:
        number: of the payment in the ledger; None where the action is about no payment.
        at: on the world's clock.
        event_data: gives what an event of a type tells of the payment of a number.
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
            IllegalMove: it is about none.
        """
        if self.number is None:
            raise IllegalMove("It is about no payment.")
        return self.number


class Action(ABC):
    """What an event rule or an `at` rule does; the values are frozen.

    Attributes:
        name: its key in scenarios.
        SCHEMA: the JSON Schema of the key's value; `make generate` writes it into the scenario
            schema, and the lint reads it.
        EXAMPLES: values of the key as a scenario has them.
        ROW: the action as the table in docs/scenario-language.md spells it, and what happens.
        payment_move: the move that the payment makes; None where it makes none.
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
        """Read the value of the key, valid by `SCHEMA`."""

    @abstractmethod
    def value(self) -> object:
        """Write what `parse` makes the action of again."""

    @abstractmethod
    def act(self, target: ActionTarget) -> None:
        """Do it.

        Raises:
            IllegalMove, RefundRefused, InvalidRequest: it has become impossible; nothing changed.
        """

    @property
    def describes(self) -> str:
        """What the timeline shows: the type of the event that it makes, or its name."""
        return self.name if self.payment_move is None else EVENT_OF[self.payment_move].value

    def problem(self) -> EntryProblem | None:
        """What is wrong with the values together; None where they are right."""
        return None

    def problem_without_payment(self) -> EntryProblem | None:
        """Why no rule can do this that says nothing about payments; None where one can."""
        if self.payment_move is None:
            return None
        message = f"'{self.name}' is about payments, and nothing says which"
        return EntryProblem((), message, "add when, such as {status: completed}")

    def source(self) -> dict[str, object]:
        """The action as a scenario has it, and a snapshot of the timeline."""
        return {self.name: self.value()}
