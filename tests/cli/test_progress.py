"""Progress of slow commands on a terminal, and what Ctrl-C prints."""

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

from payments_sandbox.cli.commands.seed import _summary
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
"""Makes a command show its progress from the start."""

MANY = "400000"
"""So many payments that creating them takes more than a second on any machine."""


@contextmanager
def read_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """Make stderr a terminal."""
    monkeypatch.delenv("COLUMNS", raising=False)
    with (
        terminal(80, LONGEST_WAIT) as device,
        open(os.dup(device.device), "w", encoding="utf-8") as stream,  # noqa: PTH123 - a descriptor, not a path
        monkeypatch.context() as patch,
    ):
        patch.setattr(sys, "stderr", stream)
        yield device


def test_progress_of_a_slow_command_is_shown_and_erased(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The line shows how much is done and left."""
    monkeypatch.setattr(module, "AFTER", 0)
    monkeypatch.setattr(module, "_EVERY", 0.001)
    steps = iter([None, *(HowFar(done, 8, f"{done} of 8") for done in range(1, 5))])
    last = HowFar(4, 8, "4 of 8")
    with read_at_a_terminal(monkeypatch) as screen:
        with progress(ARGUMENTS, "making payments", lambda: next(steps, last)):
            screen.wait_for("4 of 8", LONGEST_WAIT)
        shown = screen.wait_for("\x1b[1A\x1b[2K", LONGEST_WAIT)  # the line is erased

    assert re.search(r"making payments .* 50% 4 of 8 ", shown)


def test_a_fast_command_shows_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        read_at_a_terminal(monkeypatch) as screen,
        progress(ARGUMENTS, "making payments", lambda: pytest.fail("nobody looks")),
    ):
        pass
    assert screen.text == ""


def test_no_progress_and_no_thread_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AFTER", 0)
    monkeypatch.setattr(sys, "stderr", piped := io.StringIO())
    before = threading.active_count()
    with progress(ARGUMENTS, "making payments", lambda: pytest.fail("nobody looks")):
        assert threading.active_count() == before
    assert piped.getvalue() == ""


def test_an_interrupt_reports_summary() -> None:
    with pytest.raises(CommandFailedError) as caught, interruptible(lambda: "3 were made"):
        raise KeyboardInterrupt
    assert (str(caught.value), caught.value.code) == ("interrupted; 3 were made", INTERRUPTED)


def interrupted(world: RemoteWorld, text: str, *arguments: str) -> str:
    """Interrupt a command once it shows a text, and return its last line."""
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


def test_seed_shows_progress_and_an_interrupt_reports_that_the_server_continues() -> None:
    with serve_process() as server:
        world = new_remote_world(server.address)
        said = interrupted(world, f" of {MANY}", "seed", "--payments", MANY)
    assert re.search(
        rf"interrupted; [0-9]+ of {MANY} payments were made, and the server continues with", said
    )


def test_an_interrupt_while_no_payment_is_being_made_names_the_worlds_command() -> None:
    assert _summary(None).startswith("no payments are being made; payments-sandbox worlds")


@pytest.mark.parametrize("how", [("advance", "1d"), ("clock", "freeze", "--at", "2030-01-16")])
def test_a_moving_clock_shows_its_time_and_an_interrupt_reports_it(how: tuple[str, ...]) -> None:
    """The command waits for a receiver that never answers."""
    with serve_process() as server, socket.create_server(("127.0.0.1", 0)) as silent:
        world = new_remote_world(server.address)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        world.control("POST", "/webhook_endpoints", {"url": url, "timeout": "30s"})
        world.pay()
        said = interrupted(world, "at 2030-01-15T10:30:00Z", *how)
    assert said.endswith(
        "interrupted; the clock is at 2030-01-15T10:30:00Z, and the server continues to advance it."
    )


def test_loading_a_state_file_reports_its_progress(tmp_path: Path) -> None:
    """After reading the file, it reports how many worlds are restored."""
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
