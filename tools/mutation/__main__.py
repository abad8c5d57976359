"""Owns `python -m tools.mutation`: it tries a sample of faults, and prints what no test notices."""

import argparse
import importlib
import os
import random
import sys
from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tools.mutation.faults import Fault, faults_of, modules
from tools.mutation.trial import PRELOADED, tried_together

EQUIVALENT: Final = Path(__file__).with_name("equivalent.txt")
WANTED: Final = 0.92


def excused() -> set[str]:
    """The keys of the faults that no test could notice; the file gives the reason below each."""
    lines = EQUIVALENT.read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith((" ", "#"))}


def drawn(seed: int, wanted: int, only: str, again: Path | None) -> list[Fault]:
    """Draw faults by a seed, without the excused ones, and sort them from the lowest layer up."""
    known = excused()
    there = (each for path in modules() for each in faults_of(path))
    found = [each for each in there if each.key not in known and only in each.key]
    if again is not None:
        named = set(again.read_text(encoding="utf-8").splitlines())
        found = [each for each in found if each.key in named]
    sample = random.Random(seed).sample(found, min(wanted, len(found)))  # noqa: S311 - not a secret
    return sorted(sample, key=attrgetter("order"))


def main() -> int:
    """Try the faults, and print which survive; return 1 if too many do."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutation", description=__doc__)
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--places", type=int, default=300, metavar="N")
    parser.add_argument("--only", default="", metavar="TEXT", help="faults whose line has it")
    parser.add_argument("--again", type=Path, metavar="FILE", help="what a run has printed, again")
    options = parser.parse_args()
    chosen = drawn(options.seed, options.places, options.only, options.again)
    if not chosen:
        parser.error("no fault is left to try: expected --only and --again to name some")
    os.environ["HYPOTHESIS_PROFILE"] = "mutate"
    for name in PRELOADED:
        importlib.import_module(name)
    with TemporaryDirectory() as compiled:  # bytecode of unchanged modules, for all processes
        sys.dont_write_bytecode, sys.pycache_prefix = False, compiled
        survived = sum(_survivors(group) for _, group in groupby(chosen, attrgetter("layer")))
    score = 1 - survived / len(chosen)
    print(f"{len(chosen) - survived} of {len(chosen)} noticed: {score:.1%}, wanted {WANTED:.0%}")
    return int(score < WANTED)


def _survivors(faults: Iterable[Fault]) -> int:
    """Try the faults of a layer, and print those that survive at once; return how many."""
    faults, lost = list(faults), 0
    for each, is_noticed in zip(faults, tried_together(faults), strict=True):
        if not is_noticed:
            lost += 1
            print(f"  line {each.line}\n{each.key}", flush=True)
    print(f"{faults[0].layer}: {len(faults) - lost} of {len(faults)} noticed", flush=True)
    return lost


if __name__ == "__main__":
    sys.exit(main())
