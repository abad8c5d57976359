"""Owns the stories of the simulation: independent operations that are drawn from a seed.

An operation contains everything that it needs. It names payments, events and endpoints by numbers,
which are taken modulo how many there are. So any operation can be left out of a story, and the
other operations still run.
"""

import random
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

CARDS: Final = {
    "visa": "4111111111111111",
    "declined": "4000000000000002",
    "lost_card": "4000000000009987",
    "chargeback": "4000000000000259",
    "refund_declined": "4000000000005126",
    "completes": "4000009900000012",
    "fails": "4000009900000020",
    "waits": "4000009900000038",
    "error": "4000009900000046",
    "error_after_commit": "4000009900000053",
    "reset": "4000009900000061",
    "reset_after_commit": "4000009900000079",
    "timeout": "4000009900000087",
    "timeout_after_commit": "4000009900000095",
    "rate_limited": "4000009900000103",
    "fails_twice": "4000009900000111",
    "invalid": "4111111111111112",
}
"""Numbers from the page on magic cards, by the names that the model uses."""

USUAL_CARDS: Final = ("visa", "chargeback", "completes", "fails", "waits")
CUSTOMERS: Final = ("cust_ada", "cust_ben", None)
EFFECTS: Final = (
    "drop", "truncate", "error", "settle", "event", "timed", "delay", "reorder", "duplicate",
    "lose",
)  # fmt: skip
OPERATIONS: Final = ("create_payment", "retrieve_payment", "list_payments", "create_refund", "*")
SCOPES: Final = ("payments", "journal", "rules", "webhooks", "clock", "rate_limit")
FILTERS: Final = ("*", "payment.*", "payment.completed", "refund.created")
EVENTS: Final = ("payment.completed", "payment.failed", "refund.created", "chargeback.created")
SCHEDULES: Final = (None, (), (1, 600), (60,))
"""Retry schedules of endpoints, in seconds; None is the default schedule."""

MINUTE, HOUR, DAY = 60, 3_600, 86_400
STEPS: Final = (1, 5, 30, MINUTE, 5 * MINUTE, HOUR, 2 * HOUR, DAY, 4 * DAY, None)
"""Seconds by which a clock is moved; None moves it to the next due time."""


class Operation(NamedTuple):
    """The name of a method of the simulation, and its arguments."""

    name: str
    arguments: tuple[object, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(repr, self.arguments))})"


Draw = Callable[[random.Random], tuple[object, ...]]


def _create(draw: random.Random) -> tuple[object, ...]:
    cards: Sequence[str] = USUAL_CARDS if draw.random() < 0.7 else tuple(CARDS)
    return draw.choice(cards), draw.randint(1, 400), draw.choice(CUSTOMERS)


def _list(draw: random.Random) -> tuple[object, ...]:
    status = draw.choice(("pending", "completed", "failed", None))
    return draw.randint(1, 20), draw.choice(CUSTOMERS), status, _some(draw)


def _refund(draw: random.Random) -> tuple[object, ...]:
    return _some(draw), draw.choice((None, -1, 0, 1, draw.randint(1, 400)))


def _scenario(draw: random.Random) -> tuple[object, ...]:
    commit = draw.random() < 0.5
    operation = draw.choice(OPERATIONS)
    return draw.choice(EFFECTS), operation, commit, draw.randint(1, 3), _some(draw)


def _reset(draw: random.Random) -> tuple[object, ...]:
    if draw.random() < 0.3:
        return (SCOPES,)
    return (tuple(draw.sample(SCOPES, draw.randint(1, 3))),)


def _limit(draw: random.Random) -> tuple[object, ...]:
    return draw.choice((None, 5, 1_000)), draw.choice((None, 0, 3, 7))


def _some(draw: random.Random) -> int:
    """Which of the existing things; small numbers are the newest."""
    return min(draw.randrange(60), draw.randrange(60))


def _no(_draw: random.Random) -> tuple[object, ...]:
    return ()


DRAWN: Final[dict[str, tuple[int, Draw]]] = {
    "create": (240, _create),
    "retrieve": (80, lambda draw: (_some(draw) - 1,)),
    "list": (50, _list),
    "refund": (150, _refund),
    "complete": (40, lambda draw: (_some(draw),)),
    "fail": (25, lambda draw: (_some(draw),)),
    "charge_back": (40, lambda draw: (_some(draw), draw.choice((None, 1, 100)))),
    "advance": (180, lambda draw: (draw.choice(STEPS),)),
    "limit": (20, _limit),
    "scenario": (45, _scenario),
    "end_scenario": (10, _no),
    "endpoint": (25, lambda draw: (draw.choice(FILTERS), draw.choice(SCHEDULES))),
    "enable": (20, lambda draw: (_some(draw), draw.random() < 0.8)),
    "remove_endpoint": (5, lambda draw: (_some(draw),)),
    "resend": (30, lambda draw: (_some(draw), draw.choice((None, _some(draw))))),
    "send_by_hand": (15, lambda draw: (draw.choice(EVENTS), _some(draw))),
    "drop": (2, _no),
    "reset": (4, _reset),
    "snapshot": (8, _no),
    "restore": (4, _no),
    "save": (6, _no),
    "kill": (3, _no),
    "stop": (4, _no),
    "stop_in_flight": (6, _create),
    "audit": (8, _no),
}
"""The weight with which each operation is drawn, and what draws its arguments."""


def story_of(seed: int, operations: int) -> list[Operation]:
    """A story that a seed draws; the first operation makes an endpoint, the last audits all."""
    draw = random.Random(seed)  # noqa: S311 - a story, no secret
    weights = [weight for weight, _ in DRAWN.values()]
    names = draw.choices(list(DRAWN), weights, k=max(operations - 2, 0))
    story = [Operation(name, DRAWN[name][1](draw)) for name in names]
    return [Operation("endpoint", ("*", None)), *story, Operation("audit")]
