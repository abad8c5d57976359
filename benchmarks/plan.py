"""Owns how much is measured: the numbers of rounds, starts, calls and stored payments."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

CONNECTIONS: Final = 32
"""Connections that the load keeps open, each with one request under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured.

    Attributes:
        rounds: times that every server has its turn.
        seconds: how long a turn under load lasts.
        starts: cold starts of every server.
        calls: calls of a round without HTTP.
        events: webhooks of a round.
        turns_of_shops: times that the naive shops are explored, which takes most of a minute.
        sizes: numbers of stored payments; the others are compared with the first.
        peers: the folder where peers are kept from one run to the next, if they are.
    """

    rounds: int = 6
    seconds: int = 1
    starts: int = 12
    calls: int = 5_000
    events: int = 10_000
    turns_of_shops: int = 1
    sizes: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    peers: Path | None = None


QUICK: Final = Plan(rounds=2, starts=3, calls=500, events=500, sizes=(1_000, 10_000))
"""Enough to see that everything runs; far too little to believe the figures."""
