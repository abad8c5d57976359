"""Owns the progress of what takes long: a bar on stderr, with what is left, until the work ends.

It is shown of work that takes over a second, at a terminal. The work goes on in the thread that
asks for it; another one looks how far it is, so that Ctrl-C ends it as it ends any other.
"""

import argparse
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from payments_sandbox.cli.failure import INTERRUPTED, CommandFailedError
from payments_sandbox.cli.terminal.screen import screen_of

if TYPE_CHECKING:  # imported when something takes long
    from rich.progress import Progress

AFTER: Final = 1.0
"""Seconds after which progress is shown."""

_EVERY: Final = 0.25
"""Seconds between two looks."""

_LONGEST_LOOK: Final = 2.0
"""Seconds that the end waits for the thread."""


class HowFar(NamedTuple):
    """How far some work is: how much is done, of how much, if that is known, and in words."""

    done: int
    of: int | None
    words: str = ""


@contextmanager
def progress(
    arguments: argparse.Namespace, does: str, how_far: Callable[[], HowFar | None]
) -> Iterator[None]:
    """Show how far the work in the block is, if it takes over a second.

    Args:
        arguments: of the command.
        does: such as "making payments".
        how_far: is asked in a thread of its own; None where that cannot be said now.
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
        thread.join(_LONGEST_LOOK)  # who does not answer holds nobody up


@contextmanager
def interruptible(tell: Callable[[], str]) -> Iterator[None]:
    """Let Ctrl-C in the block end the command; `tell` says what was done until then.

    Raises:
        CommandFailedError: somebody has interrupted.
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
