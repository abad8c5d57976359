"""Owns the simulation, which compares a whole server with a model of it, on virtual time.

`python -m tests.nightly.simulation --seeds 1000 --operations 500` runs a thousand stories, one for
each seed. The first story that fails is shortened as far as it still fails, and printed.
`--seed N` runs only that story.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tests.nightly.operations import Simulation
from tests.nightly.stories import Operation, story_of


class Failure(NamedTuple):
    """A story that fails: its seed, its operations up to the failure, and the reason."""

    seed: int
    story: list[Operation]
    why: str

    def __str__(self) -> str:
        steps = "\n".join(f"  {number:3} {each}" for number, each in enumerate(self.story, start=1))
        return f"seed {self.seed}, in {len(self.story)} operations:\n{steps}\n{self.why}"


def tell(seed: int, story: Sequence[Operation]) -> Failure | None:
    """Run a story; the returned failure has its operations up to the one that failed."""
    simulation = Simulation(seed)
    for count, operation in enumerate(story, start=1):
        try:
            simulation.run(operation)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong, this story shows it
            return Failure(seed, list(story[:count]), f"{type(error).__name__}: {error}")
    return None


def shrink(failure: Failure, tries: int = 400) -> Failure:
    """Remove pieces of a failing story, large pieces first, as long as it still fails."""
    size = max(len(failure.story) // 2, 1)
    while True:
        start = 0
        while start < len(failure.story) and tries:
            tries -= 1
            shorter = failure.story[:start] + failure.story[start + size :]
            found = tell(failure.seed, shorter)
            if found is None:
                start += size
            else:
                failure = found
        if size == 1 or not tries:
            return failure
        size //= 2


def first_failure(seeds: Iterable[int], operations: int) -> Failure | None:
    """The first story that fails, shortened; None if there is none."""
    for seed in seeds:
        if (failure := tell(seed, story_of(seed, operations))) is not None:
            return shrink(failure)
    return None


def main() -> int:
    """Run the stories that the arguments ask for; 1 if one of them fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.nightly.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="this one alone")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="where seeds begin")
    parser.add_argument("--seeds", type=int, default=1_000, metavar="N", help="how many")
    parser.add_argument("--operations", type=int, default=500, metavar="N", help="of each story")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.seeds)
    failure = first_failure(seeds if options.seed is None else [options.seed], options.operations)
    print(failure or f"{len(seeds) if options.seed is None else 1} stories went as they should")
    return int(failure is not None)


if __name__ == "__main__":
    sys.exit(main())
