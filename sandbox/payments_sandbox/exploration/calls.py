"""Owns how calls and webhooks are named: by what they are, since flows change their order.

A name is an operation or an event, the customer whose it is, and which one of these it is. The nth
create of a customer is the same call in every run, whatever others do in between; and a rule of a
scenario finds it by the same three, so that a name is all that a generated scenario needs.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

NOBODY: Final = ""
"""The customer of calls that have none, such as a list of all payments; ids are never empty."""

_NUMBERED: Final = {1: "1st", 2: "2nd", 3: "3rd"}


class CallName(NamedTuple):
    """What a call, or a webhook, is called in every run.

    Attributes:
        what: an operation, such as `create_payment`, or an event, such as `payment.completed`.
        customer: whose it is; NOBODY where it is nobody's, None where that is not looked at.
        nth: which one of these, from 1.
    """

    what: str
    customer: str | None
    nth: int

    @property
    def is_webhook(self) -> bool:
        """Whether it is an event that is delivered."""
        return "." in self.what

    def when(self) -> dict[str, Any]:
        """The matchers of a rule that is about this one alone."""
        match self.customer:
            case None:
                return {"call": self.nth}
            case "":
                return {"customer_id": {"exists": False}, "call": self.nth}
            case customer:
                return {"customer_id": customer, "call": self.nth}

    def __str__(self) -> str:
        whose = f" of {self.customer}" if self.customer else ""
        kind = " webhook" if self.is_webhook else ""
        return f"{self.what}{kind}{whose}, {_NUMBERED.get(self.nth, f'{self.nth}th')}"


def names_of(seen: Iterable[tuple[str, str]], *, by_customer: bool = True) -> Iterator[CallName]:
    """Name calls of one world.

    Args:
        seen: what each is, and whose, in the order in which they came.
        by_customer: whether customers are told apart; not where their ids are made up in each run.
    """
    counts: Counter[tuple[str, str | None]] = Counter()
    for what, customer in seen:
        key = what, customer if by_customer else None
        counts[key] += 1
        yield CallName(*key, counts[key])
