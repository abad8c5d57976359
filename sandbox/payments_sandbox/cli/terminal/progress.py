"""Owns the progress of long work: a bar on stderr, with the time left, until the work ends.

It is shown at a terminal, for work that takes longer than a second. The work stays in the thread
that calls it, and another thread polls its progress, so Ctrl-C ends the work in the usual way.
"""

import argparse
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from payments_sandbox.cli.failure import INTERRUPTED, CommandFailedError
from payments_sandbox.cli.terminal.screen import screen_of

if TYPE_CHECKING:  # imported only when work takes long
    from rich.progress import Progress

AFTER: Final = 1.0
"""Seconds until the progress is shown."""

_EVERY: Final = 0.25
"""Seconds between two updates."""

_LONGEST_LOOK: Final = 2.0
"""Seconds that the end of the work waits for the thread."""


class HowFar(NamedTuple):
    """The progress of some work: how much is done, the total if it is known, and a description."""

    done: int
    of: int | None
    words: str = ""


@contextmanager
def progress(
    arguments: argparse.Namespace, does: str, how_far: Callable[[], HowFar | None]
) -> Iterator[None]:
    """Show the progress of the work in the block, if it takes longer than a second.

    Args:
        arguments: of the command.
        does: the work, such as "making payments".
        how_far: returns the progress, or None if it is unknown; called in another thread.
    """
    if not sys.stderr.isatty():
        yield
        return
    has_ended = threading.Event()
    thread = threading.Thread(
        target=_show, args=(arguments, does, how_far, has_ended), daemon=True, name="progress"
    )
    thread.start()
    try:
        yield
    finally:
        has_ended.set()
        thread.join(_LONGEST_LOOK)  # a slow `how_far` must not hold the command up


@contextmanager
def interruptible(tell: Callable[[], str]) -> Iterator[None]:
    """Let Ctrl-C in the block end the command with a message; `tell` returns what was done.

    Raises:
        CommandFailedError: the user has interrupted the block.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise CommandFailedError(f"interrupted; {tell()}", INTERRUPTED) from None


def _show(
    arguments: argparse.Namespace,
    does: str,
    how_far: Callable[[], HowFar | None],
    has_ended: threading.Event,
) -> None:
    if has_ended.wait(AFTER):
        return
    with _bar(arguments) as bar:
        task = bar.add_task(does, total=None, words="")
        while True:
            if (far := how_far()) is not None:
                bar.update(task, completed=far.done, total=far.of, words=far.words)
            bar.refresh()
            if has_ended.wait(_EVERY):
                return


def _bar(arguments: argparse.Namespace) -> "Progress":
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    screen = screen_of(arguments, sys.stderr)
    console = Console(
        file=sys.stderr,
        width=screen.width,
        no_color=not screen.has_colours,
        force_terminal=True,
        highlight=False,
        emoji=False,
        markup=False,
    )
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TextColumn("{task.fields[words]}"),
        TimeRemainingColumn(),
        console=console,
        auto_refresh=False,
        transient=True,
    )
