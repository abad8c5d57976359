"""Owns what a command shows while a server moves a world's clock, which may take long."""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from payments_sandbox.cli.terminal.progress import HowFar, interruptible, progress
from payments_sandbox.core.instants import read_instant

if TYPE_CHECKING:  # for the type checker alone
    from payments_sandbox.client.client import SandboxClient


@contextmanager
def moving_clock(
    arguments: argparse.Namespace,
    client: "SandboxClient",
    target: Callable[[int], int | None],
) -> Iterator[None]:
    """Show how far the clock is, and say where it stands when somebody interrupts.

    Args:
        arguments: of the command.
        client: of the world.
        target: where to, from where it stands; None where nobody knows.
    """
    start = read_instant(client.retrieve_clock()["now"])
    end = target(start)

    def how_far() -> HowFar | None:
        from payments_sandbox.client.errors import ControlError

        with suppress(ControlError):
            now = client.retrieve_clock()["now"]
            whole = None if end is None else end - start
            return HowFar(read_instant(now) - start, whole, f"at {now}")
        return None

    def where() -> str:
        far = how_far()
        place = "wherever the server has moved it" if far is None else far.words
        return f"the clock is {place}, and goes on to where it is moved"

    with interruptible(where), progress(arguments, "moving the clock", how_far):
        yield
