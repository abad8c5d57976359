"""Owns how much is measured: the numbers of rounds, starts, calls and stored payments."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

CONNECTIONS: Final = 32
"""Connections that the load keeps open, each with one request at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured.

    Attributes:
        rounds: turns of every server.
        seconds: the length of a turn under load.
        starts: cold starts of every server.
        calls: calls per round without HTTP.
        events: webhooks per round.
        turns_of_shops: how often the naive shops are explored, which takes most of a minute.
        sizes: numbers of stored payments; all others are compared with the first.
        peers: the folder where peers are kept between runs, if they are.
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
"""Enough to see that everything runs; far too little for meaningful figures."""
