"""Owns the exploration of a command: several runs at once, until all are made or time is up."""

import argparse
import asyncio
import os
import shlex
import shutil
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from time import perf_counter
from typing import Final, Self, TypeVar

from payments_sandbox.cli.exploration.command_runs import ExploredCommand
from payments_sandbox.cli.failure import FAILED, INTERRUPTED, MISTAKEN, CommandFailedError
from payments_sandbox.cli.processes.child_process import NotStartedError
from payments_sandbox.cli.processes.server_process import reporting_scenario_problems
from payments_sandbox.cli.processes.signals import on_signals
from payments_sandbox.cli.server_options import settings_words
from payments_sandbox.core.instants import SECOND
from payments_sandbox.core.settings import Settings
from payments_sandbox.exploration.exploration import (
    CannotExploreError,
    Exploration,
    ExplorationOptions,
    ExplorationResult,
)
from payments_sandbox.exploration.planning import PlannedRun
from payments_sandbox.exploration.report import ExploredFlow
from payments_sandbox.exploration.report_text import cells, matrix
from payments_sandbox.exploration.run_record import RunRecord
from payments_sandbox.server.factory import assemble

_BAR: Final = 30
_ERASE_BELOW: Final = "\x1b[J"

T = TypeVar("T")


async def explore_command(arguments: argparse.Namespace, settings: Settings) -> int:
    """Explore the given command and report the result; return the exit code."""
    from payments_sandbox.cli.exploration.reports import prepare, publish

    with reporting_scenario_problems("--scenario"):  # so that invalid ones are reported at once
        assemble(settings)
    prepare(arguments)
    runner = ExplorationRunner(arguments, settings)
    try:
        await runner.run()
    except NotStartedError as error:
        problem = f"cannot run {arguments.command[0]}: {error}"
        raise CommandFailedError(problem, error.exit_code) from None
    except CannotExploreError as error:
        raise CommandFailedError(runner.why_not(error), MISTAKEN) from None
    if runner.is_interrupted and not runner.has_begun:
        problem = "interrupted before the run without failures ended; nothing is known"
        raise CommandFailedError(problem, INTERRUPTED)
    result = runner.exploration.result()
    is_well = publish(arguments, runner.flow(), result)
    if runner.is_interrupted:
        return INTERRUPTED
    if is_well and not result.has_tried:
        raise CommandFailedError(_nothing_known(result), MISTAKEN)
    return 0 if is_well else FAILED


def _nothing_known(result: ExplorationResult) -> str:
    if result.runs:
        return "no failure occurred in its run; nothing is known"
    why = "time was up" if result.left else "no call meets the failures of --faults"
    return f"no failure was tried ({why}); nothing is known"


class ExplorationRunner:
    """Makes the runs of an exploration.

    Attributes:
        exploration: decides which runs to make.
        is_interrupted: whether the user has stopped it.
        has_begun: whether the runs without a failure are made.
    """

    def __init__(self, arguments: argparse.Namespace, settings: Settings) -> None:
        self._arguments = arguments
        seconds = arguments.timeout / SECOND
        self._command = ExploredCommand(arguments.command, settings, seconds)
        options = ExplorationOptions(arguments.depth, arguments.faults, arguments.told_by)
        self.exploration = Exploration(options)
        self._started = perf_counter()
        self._slots = asyncio.Semaphore(arguments.jobs or os.cpu_count() or 1)
        self._baseline: Sequence[RunRecord] = ()
        self.is_interrupted = self.has_begun = False

    async def run(self) -> None:
        """Make all runs, until the user interrupts.

        Raises:
            CannotExploreError, NotStartedError: there is nothing to compare with.
        """
        working = asyncio.ensure_future(self._run())

        def stop(_number: int) -> None:
            self.is_interrupted = True
            working.cancel()

        on_signals(stop)
        await asyncio.wait((working,))
        if not working.cancelled():
            working.result()

    async def _run(self) -> None:
        self._baseline = await self._together([partial(self._command.run, 0, None)] * 2)
        self.exploration.begin(*self._baseline)
        self.has_begun = True
        with MatrixProgress(self.exploration) as progress:

            async def make(planned: PlannedRun) -> None:
                record = await self._command.run(planned.number, planned.scenario())
                self.exploration.record(planned, record)
                progress.show()

            async def repeat(planned: PlannedRun) -> None:
                record = await self._command.run(planned.number, planned.scenario())
                self.exploration.repeat(planned, record)

            while batch := self.exploration.next_batch():
                await self._in_time(batch, make)
            await self._in_time(self.exploration.to_repeat(), repeat)

    def flow(self) -> ExploredFlow:
        """Describe the exploration for its reports."""
        arguments, words = self._arguments, shlex.join(self._arguments.command)
        file = "FILE" if arguments.report is None else f"{shlex.quote(str(arguments.report))}/FILE"
        options = shlex.join(settings_words(arguments))
        return ExploredFlow(
            title=words,
            repeat=f"payments-sandbox run --scenario {file} {options} -- {words}",
            depth=arguments.depth,
            seed=arguments.seed,
            seconds=perf_counter() - self._started,
            keeps_files=arguments.report is not None,
            accepted=frozenset(arguments.allow) | (arguments.baseline or frozenset()),
        )

    def why_not(self, error: CannotExploreError) -> str:
        """Explain why there is nothing to explore, with the last lines of the command's output."""
        outputs = [record.end.output for record in self._baseline if record.end.output]
        last = "".join(f"\n  {line}" for line in outputs[0].splitlines()[-5:]) if outputs else ""
        words = shlex.join(self._arguments.command)
        hint = (
            "\nIt runs without a terminal and without input; "
            f"payments-sandbox run -- {words} shows all of its output"
        )
        return f"cannot explore {words}: {error}{last}{hint}"

    async def _in_time(
        self, batch: Sequence[PlannedRun], make: Callable[[PlannedRun], Awaitable[None]]
    ) -> None:
        """Make runs, leaving out those that have not begun when time is up."""

        async def begin(planned: PlannedRun) -> None:
            if self._has_time():
                await make(planned)

        await self._together([partial(begin, planned) for planned in batch])

    async def _together(self, work: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
        """Run as many at once as `--jobs` allows; return the results in order."""

        async def in_turn(one: Callable[[], Awaitable[T]]) -> T:
            async with self._slots:
                return await one()

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(in_turn(each)) for each in work]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return [task.result() for task in tasks]

    def _has_time(self) -> bool:
        budget = self._arguments.budget
        return budget is None or perf_counter() - self._started < budget / SECOND


class MatrixProgress:
    """Draws the progress on stderr if that is a terminal, and erases it at the end of the block."""

    def __init__(self, exploration: Exploration) -> None:
        self._exploration = exploration
        self._is_shown = sys.stderr.isatty()
        self._height = 0
        self._started = perf_counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._draw([])

    def show(self) -> None:
        """Draw the matrix and the bar."""
        if not self._is_shown:
            return
        result = self._exploration.result()
        size = shutil.get_terminal_size()
        lines = matrix(result.names, cells(result), width=size.columns)
        lines = lines if len(lines) < size.lines - 2 else []
        done, of = len(result.runs), len(result.runs) + len(result.left)
        self._draw([*lines, "", progress_line(done, of, perf_counter() - self._started)])

    def _draw(self, lines: list[str]) -> None:
        if not self._is_shown:
            return
        up = f"\x1b[{self._height}A" if self._height else ""
        self._height = len(lines)
        with suppress(OSError):
            sys.stderr.write(f"{up}\r{_ERASE_BELOW}" + "".join(f"{line}\n" for line in lines))
            sys.stderr.flush()


def progress_line(done: int, of: int, seconds: float) -> str:
    """Make the line with the bar, the number of runs, and the seconds left."""
    filled = _BAR * done // max(of, 1)
    left = seconds / max(done, 1) * (of - done)
    return f"[{'█' * filled}{'░' * (_BAR - filled)}] {done} of {of} runs, {left:.0f} s left"
