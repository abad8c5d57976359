"""Progress: at a terminal, of what takes long, with what is left; and what Ctrl-C says."""

import argparse
import asyncio
import io
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from payments_sandbox.cli.commands.seed import _what_was_done
from payments_sandbox.cli.failure import INTERRUPTED, CommandFailedError
from payments_sandbox.cli.state_file import StateFile
from payments_sandbox.cli.terminal import progress as module
from payments_sandbox.cli.terminal.progress import HowFar, interruptible, progress
from payments_sandbox.core.settings import Settings
from payments_sandbox.core.slices import finish
from payments_sandbox.scenarios.initial_state import fill_world
from payments_sandbox.scenarios.parser import parse_generated
from payments_sandbox.server.factory import assemble
from tests.support.process import RemoteWorld, new_remote_world, serve_process, started
from tests.support.terminal import Terminal, terminal
from tests.support.values import LONGEST_WAIT

ARGUMENTS = argparse.Namespace(no_color=True)
AT_ONCE = "from payments_sandbox.cli.terminal import progress; progress.AFTER = 0"
"""Begins a command that shows its progress from the start."""

MANY = "400000"
"""Payments that take more than a second anywhere."""


@contextmanager
def read_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """A terminal that stderr is."""
    monkeypatch.delenv("COLUMNS", raising=False)
    with (
        terminal(80, LONGEST_WAIT) as device,
        open(os.dup(device.device), "w", encoding="utf-8") as stream,  # noqa: PTH123 - it is no path
        monkeypatch.context() as patch,
    ):
        patch.setattr(sys, "stderr", stream)
        yield device


def test_what_takes_long_shows_how_far_it_is_until_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """How much is done and left; then the line is erased."""
    monkeypatch.setattr(module, "AFTER", 0)
    monkeypatch.setattr(module, "_EVERY", 0.001)
    steps = iter([None, *(HowFar(done, 8, f"{done} of 8") for done in range(1, 5))])
    last = HowFar(4, 8, "4 of 8")
    with read_at_a_terminal(monkeypatch) as screen:
        with progress(ARGUMENTS, "making payments", lambda: next(steps, last)):
            screen.wait_for("4 of 8", LONGEST_WAIT)
        shown = screen.wait_for("\x1b[1A\x1b[2K", LONGEST_WAIT)  # the line is erased

    assert re.search(r"making payments .* 50% 4 of 8 ", shown)


def test_what_is_quick_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        read_at_a_terminal(monkeypatch) as screen,
        progress(ARGUMENTS, "making payments", lambda: pytest.fail("nobody looks")),
    ):
        pass
    assert screen.text == ""


def test_nothing_is_shown_where_nobody_reads_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AFTER", 0)
    monkeypatch.setattr(sys, "stderr", piped := io.StringIO())
    before = threading.active_count()
    with progress(ARGUMENTS, "making payments", lambda: pytest.fail("nobody looks")):
        assert threading.active_count() == before
    assert piped.getvalue() == ""


def test_who_interrupts_is_told_what_was_done() -> None:
    with pytest.raises(CommandFailedError) as caught, interruptible(lambda: "3 were made"):
        raise KeyboardInterrupt
    assert (str(caught.value), caught.value.code) == ("interrupted; 3 were made", INTERRUPTED)


def interrupted(world: RemoteWorld, text: str, *arguments: str) -> str:
    """What a command says at a terminal that is interrupted once a text is shown."""
    with terminal(120, LONGEST_WAIT) as device:
        with started(
            arguments,
            extra=world.variables,
            stdout=subprocess.DEVNULL,
            stderr=device.device,
            first=AT_ONCE,
        ) as process:
            device.wait_for(text, LONGEST_WAIT)
            process.send_signal(signal.SIGINT)
            assert process.wait(LONGEST_WAIT) == INTERRUPTED
        return device.close(LONGEST_WAIT).splitlines()[-1]


def test_a_world_that_is_filled_shows_how_far_that_is() -> None:
    """Who stops waiting is told that the server goes on."""
    with serve_process() as server:
        world = new_remote_world(server.address)
        said = interrupted(world, f" of {MANY}", "seed", "--payments", MANY)
    assert re.search(
        rf"interrupted; [0-9]+ of {MANY} payments were made, and the server continues with", said
    )


def test_who_interrupts_before_or_after_the_payments_were_made_is_told_where_to_look() -> None:
    assert _what_was_done(None).startswith("no payments are being made; payments-sandbox worlds")


@pytest.mark.parametrize("how", [("advance", "1d"), ("clock", "freeze", "--at", "2030-01-16")])
def test_a_clock_that_moves_shows_where_it_is(how: tuple[str, ...]) -> None:
    """It waits for a receiver that never answers."""
    with serve_process() as server, socket.create_server(("127.0.0.1", 0)) as silent:
        world = new_remote_world(server.address)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        world.control("POST", "/webhook_endpoints", {"url": url, "timeout": "30s"})
        world.pay()
        said = interrupted(world, "at 2030-01-15T10:30:00Z", *how)
    assert said.endswith(
        "interrupted; the clock is at 2030-01-15T10:30:00Z, and the server continues to advance it."
    )


def test_a_state_tells_how_far_it_is_loaded(tmp_path: Path) -> None:
    """What is read of the file, and then how much of the worlds is restored."""
    file = tmp_path / "state"
    first = assemble(Settings(seed=7))
    world = first.runtime.worlds.get_or_create("sk_test_sandbox")
    finish(fill_world(world, parse_generated({"payments": 600})))
    StateFile(file, first).save()

    state = StateFile(file, assemble(Settings()))
    asyncio.run(state.load())

    assert state.how_far is not None
    assert state.how_far.words == "0 of 1 worlds restored"
    assert 0 < state.how_far.done <= (state.how_far.of or 0)
