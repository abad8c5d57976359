"""Owns the row on the shops of examples/explore: how long it takes to find the bugs of all."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final

from benchmarks.plan import Plan
from benchmarks.report import Row, at_most
from benchmarks.servers import users_environment

MARK: Final = at_most(60)
FOLDER: Final = Path(__file__).parents[1] / "examples" / "explore"
SHOPS: Final = {
    "python3": ["python3", "naive_shop.py"],
    "node": ["node", "naive_shop.mjs"],
    "curl": ["sh", "naive_shop.sh"],
}
"""The program that each shop needs, and its command."""

KINDS: Final = {"double_charge", "lost_payment", "accepted_forgery", "crash"}
"""The kinds of bugs that each of them has."""


def explored_shops(plan: Plan) -> Row:
    """Seconds to explore them one after the other with every failure, checking their findings."""
    commands = [words for needed, words in SHOPS.items() if shutil.which(needed)]
    rounds = [[_explored(words) for words in commands] for _ in range(plan.turns_of_shops)]
    each = ", ".join(
        f"{words[0]} {seconds:.0f} s" for words, seconds in zip(commands, rounds[0], strict=True)
    )
    names = f"all four kinds of bugs of {len(commands)} naive shops"
    return Row(names, [sum(seconds) for seconds in rounds], "s", MARK, each)


def _explored(command: Sequence[str]) -> float:
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        words = ["explore", "--json", str(report), "--", *command]
        started = perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "payments_sandbox", *words],
            env=users_environment(), capture_output=True, check=False, cwd=FOLDER,
        )  # fmt: skip
        seconds = perf_counter() - started
        findings = json.loads(report.read_text("utf-8"))["findings"]
    found = {each["verdict"] for each in findings}
    if done.returncode != 1 or not found >= KINDS:
        raise RuntimeError(f"{command} is found to have no more than {sorted(found)}.")
    return seconds
