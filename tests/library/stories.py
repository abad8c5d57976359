"""The day of each scenario: the calls that its `about` describes."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from tests.library.day import Day


class Story(NamedTuple):
    """The day of a scenario.

    Attributes:
        cashback: the percentage of each payment that the shop refunds.
        naive_patience: seconds that the naive shop waits for a reply.
    """

    tell: Callable[[Day], object]
    cashback: int = 0
    naive_patience: float = 5


def one_order(day: Day) -> str:
    """One customer pays."""
    payment_id = day.order()
    assert payment_id is not None
    return payment_id


def orders(count: int) -> Callable[[Day], None]:
    """Return a day on which so many customers pay one after the other."""

    def tell(day: Day) -> None:
        for _ in range(count):
            day.order()
        day.later("1m")

    return tell


def an_order_and_a_refund(day: Day) -> None:
    """A customer pays and gets a part refunded; the webhooks come later."""
    day.shop.refund(one_order(day), 500)
    day.later("1m")


def an_order_that_settles(day: Day) -> None:
    """A customer pays, and the shop waits for the outcome."""
    day.shop.settle(one_order(day))
    day.later("2h")


def an_order_that_is_declined_late(day: Day) -> None:
    """Half an hour later the customer asks for a refund of a payment that failed."""
    payment_id = one_order(day)
    day.later("30m")
    day.shop.refund(payment_id, 4_200)


def an_order_that_nobody_hears_of(day: Day) -> None:
    """The shop checks pending payments after a quarter of an hour, before any webhook."""
    one_order(day)
    day.later("15m")
    day.shop.close_the_day()
    day.later("1h")


def orders_after_a_rotation(day: Day) -> None:
    """Two customers pay just after the secret was rotated."""
    day.rotate_secret()
    orders(2)(day)


def orders_and_complaints(day: Day) -> None:
    """Two customers who have charged their payments back ask the shop for refunds, too."""
    paid = [day.order(4_200), day.order(25_000)]
    day.later("2d")
    for payment_id in filter(None, paid):
        day.shop.refund(payment_id, 4_200)


def a_statement(day: Day) -> None:
    """The shop lists all of its payments."""
    day.shop.statement()


STORIES: Final[Mapping[str, Story]] = {
    "charged-but-500": Story(an_order_and_a_refund),
    "chargeback-wave": Story(orders_and_complaints),
    "flaky-network": Story(orders(6)),
    "forged-webhooks": Story(orders(4)),
    "garbage-from-a-proxy": Story(orders(4)),
    "hourly-quota-exhausted": Story(orders(5)),
    "late-decline": Story(an_order_that_is_declined_late),
    "lost-reply": Story(one_order),
    "outage-and-recovery": Story(orders(1)),
    "paging-under-load": Story(a_statement),
    "pending-settlement": Story(an_order_that_settles),
    "rate-limit-burst": Story(orders(8)),
    "refund-refused": Story(an_order_and_a_refund),
    "retry-then-succeed": Story(one_order),
    "secret-rotation": Story(orders_after_a_rotation),
    "slow-api": Story(an_order_that_settles, naive_patience=1),
    "webhook-before-reply": Story(orders(1)),
    "webhook-endpoint-down": Story(an_order_that_nobody_hears_of),
    "webhook-storm": Story(orders(1), cashback=10),
    "webhooks-out-of-order": Story(an_order_and_a_refund),
}
