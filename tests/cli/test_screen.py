"""The width of a terminal, and whether it shows colours and links."""

import argparse
import io
import os
import struct
from collections.abc import Callable, Iterator
from typing import TextIO

import pytest

from payments_sandbox.cli.terminal.screen import Screen, screen_of, wants_colours, width_of
from tests.support.tables import for_each

fcntl = pytest.importorskip("fcntl", reason="Windows has no pseudo-terminals")
termios = pytest.importorskip("termios", reason="Windows has no pseudo-terminals")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], TextIO]]:
    """Return a function that opens a terminal with a number of columns."""
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    opened: list[TextIO] = []
    ours: list[int] = []

    def open_terminal(columns: int) -> TextIO:
        screen, theirs = os.openpty()
        ours.append(screen)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        opened.append(os.fdopen(theirs, "w"))
        return opened[-1]

    yield open_terminal
    for stream in opened:
        stream.close()
    for descriptor in ours:
        os.close(descriptor)


def arguments(*, no_color: bool = False) -> argparse.Namespace:
    """Return parsed command line arguments."""
    return argparse.Namespace(no_color=no_color)


def test_a_terminal_has_its_own_width_or_columns_and_colours_and_links(
    terminal: Callable[[int], TextIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = terminal(97)
    assert screen_of(arguments(), stream) == Screen(97, has_colours=True, has_links=True)
    assert screen_of(arguments(no_color=True), stream) == Screen(97)
    monkeypatch.setenv("COLUMNS", "60")
    assert width_of(stream) == 60
    monkeypatch.setenv("COLUMNS", "wide")
    assert width_of(stream) == 97


def test_a_terminal_of_unknown_width_has_80_columns(
    terminal: Callable[[int], TextIO],
) -> None:
    assert width_of(terminal(0)) == 80


def test_a_closed_terminal_has_80_columns(
    terminal: Callable[[int], TextIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_descriptor: int) -> os.terminal_size:
        raise OSError

    stream = terminal(97)
    monkeypatch.setattr(os, "get_terminal_size", gone)
    assert width_of(stream) == 80


def test_piped_output_is_plain_unless_force_color_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Even with colours it has no width limit and no links."""
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert screen_of(arguments(), io.StringIO()) == Screen()
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert screen_of(arguments(), io.StringIO()) == Screen(None, has_colours=True)
    assert screen_of(arguments(no_color=True), io.StringIO()) == Screen()


@for_each(
    ("variables", "on_a_terminal", "piped"),
    [
        ({}, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, True, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "0"}, False, False),
        ({"FORCE_COLOR": ""}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({"TERM": "dumb", "FORCE_COLOR": "3"}, True, True),
    ],
)
def test_no_color_force_color_and_term_decide_on_colours(
    variables: dict[str, str], *, on_a_terminal: bool, piped: bool
) -> None:
    assert wants_colours(variables, is_terminal=True) == on_a_terminal
    assert wants_colours(variables, is_terminal=False) == piped


@pytest.mark.parametrize("is_legacy", [True, False])
def test_a_legacy_windows_console_has_no_colours(
    monkeypatch: pytest.MonkeyPatch, *, is_legacy: bool
) -> None:
    import rich.console  # noqa: PLC0415 - before os.name is patched

    monkeypatch.setattr(rich.console, "detect_legacy_windows", lambda: is_legacy)
    monkeypatch.setattr("payments_sandbox.cli.terminal.screen.os.name", "nt")
    assert wants_colours({}, is_terminal=True) is not is_legacy
