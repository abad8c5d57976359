"""Owns the names of calls and webhooks, which do not depend on their order in a run.

A name consists of an operation or event, a customer, and a number. The nth create of a customer is
the same call in every run, whatever others do in between. A rule of a scenario finds it by the same
three values, so a generated scenario needs nothing else.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

NOBODY: Final = ""
"""The customer of calls without one, such as a list of all payments; ids are never empty."""

_NUMBERED: Final = {1: "1st", 2: "2nd", 3: "3rd"}


class CallName(NamedTuple):
    """The name of a call or a webhook, which is the same in every run.

    Attributes:
        what: an operation such as `create_payment`, or an event such as `payment.completed`.
        customer: its customer; NOBODY if it has none, None if customers are not distinguished.
        nth: its number among these, from 1.
    """

    what: str
    customer: str | None
    nth: int

    @property
    def is_webhook(self) -> bool:
        """Whether it names a webhook."""
        return "." in self.what

    def when(self) -> dict[str, Any]:
        """The matchers of a rule that matches only this one."""
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
    """Yield the names of calls or webhooks of one world.

    Args:
        seen: the operation or event of each, and its customer, in order.
        by_customer: whether to distinguish customers; False if their ids differ in every run.
    """
    counts: Counter[tuple[str, str | None]] = Counter()
    for what, customer in seen:
        key = what, customer if by_customer else None
        counts[key] += 1
        yield CallName(*key, counts[key])
