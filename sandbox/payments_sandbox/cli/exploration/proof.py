"""Owns the runs of a proof: on each tree one with the scenario, and one without its failures."""

import argparse
import asyncio
import shlex
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from payments_sandbox.cli.exploration.command_runs import ExploredCommand
from payments_sandbox.cli.exploration.git_revision import find_revision, tree_of
from payments_sandbox.cli.failure import FAILED, INTERRUPTED, MISTAKEN, CommandFailedError
from payments_sandbox.cli.processes.child_process import NotStartedError
from payments_sandbox.cli.processes.signals import on_signals
from payments_sandbox.cli.terminal.highlight import PROOF, View
from payments_sandbox.cli.terminal.progress import HowFar, progress
from payments_sandbox.cli.terminal.screen import screen_of
from payments_sandbox.core.instants import SECOND
from payments_sandbox.core.settings import Settings
from payments_sandbox.exploration.proof import (
    COLUMN,
    ProvedTree,
    conclude,
    judge_run,
    read_earlier,
    side_by_side,
)
from payments_sandbox.rules.scenario import Scenario

_RUNS_OF_A_TREE: Final = 2
_BETWEEN: Final = 2
"""Columns between the two trees."""

_NEW: Final = "the current tree"


async def prove_command(
    arguments: argparse.Namespace, settings: Settings, scenario: Scenario
) -> int:
    """Run the command on both trees and print the comparison; return the exit code."""
    runs = _Runs()
    working = asyncio.ensure_future(_run_both(arguments, settings, scenario, runs))

    def stop(_number: int) -> None:
        working.cancel()

    on_signals(stop)
    with progress(arguments, "running the command", runs.how_far):
        await asyncio.wait((working,))
    if working.cancelled():
        problem = f"interrupted after {runs.how_far().words}; nothing is proved"
        raise CommandFailedError(problem, INTERRUPTED)
    old, new = working.result()
    conclusion = conclude(old, new)
    screen = screen_of(arguments)
    column = COLUMN if screen.width is None else min(COLUMN, (screen.width - _BETWEEN) // 2)
    text = f"{side_by_side(old, new, column=column)}\n\n{conclusion.sentence}"
    sys.stdout.write(View(screen, PROOF).text(text))
    return 0 if conclusion.is_proved else FAILED


class _Runs:
    """Counts the runs of a proof; two are needed for each tree that exists."""

    def __init__(self) -> None:
        self.made = 0
        self.wanted = 2 * _RUNS_OF_A_TREE

    def how_far(self) -> HowFar:
        """The number of runs that are made."""
        return HowFar(self.made, self.wanted, f"{self.made} of {self.wanted} runs")


async def _run_both(
    arguments: argparse.Namespace, settings: Settings, scenario: Scenario, runs: _Runs
) -> tuple[ProvedTree, ProvedTree]:
    if (old := _read_earlier(arguments, scenario)) is not None:
        runs.wanted = _RUNS_OF_A_TREE
        return old, await _tree(arguments, settings, scenario, runs, _NEW, None)
    revision = find_revision(arguments.against)
    name = f"{revision.name} ({revision.commit[:7]})"
    with ExitStack() as stack:
        folder = stack.enter_context(tree_of(revision))
        old = await _tree(arguments, settings, scenario, runs, name, folder)
    return old, await _tree(arguments, settings, scenario, runs, _NEW, None)


def _read_earlier(arguments: argparse.Namespace, scenario: Scenario) -> ProvedTree | None:
    """The result of an earlier report, if `--against` is one."""
    if not (file := Path(arguments.against)).is_file():
        return None
    try:
        return read_earlier(file, scenario.name, arguments.seed, shlex.join(arguments.command))
    except ValueError as error:
        raise CommandFailedError(f"--against: {error}", MISTAKEN) from None


async def _tree(  # noqa: PLR0913 - what a run is made of
    arguments: argparse.Namespace,
    settings: Settings,
    scenario: Scenario,
    runs: _Runs,
    name: str,
    folder: Path | None,
) -> ProvedTree:
    """Run the command on one tree, with and without the scenario's failures."""
    seconds = arguments.timeout / SECOND
    command = ExploredCommand(arguments.command, settings, seconds, folder)
    try:
        without = await command.run(1, _without_failures(scenario.source))
        runs.made += 1
        with_it = await command.run(1, scenario.source)
        runs.made += 1
    except NotStartedError as error:
        hint = "" if folder is None else "; files that git does not track need an absolute path"
        words = arguments.command[0]
        problem = f"cannot run {words} on {name}: {error}{hint}"
        raise CommandFailedError(problem, error.exit_code) from None
    has_fired = not scenario.rules or any(
        each.startswith(f"{scenario.name}/") for world in with_it.worlds for each in world.fired
    )
    run = judge_run(with_it, arguments.told_by)
    return ProvedTree(name, run, judge_run(without, arguments.told_by), has_fired)


def _without_failures(source: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Remove rules and expectations from a scenario; None if nothing is left."""
    left = {key: value for key, value in source.items() if key not in {"rules", "expect"}}
    return left if "given" in left else None
