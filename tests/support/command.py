"""Owns the command line as a user runs it: a process of its own, and a server to be stopped."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from tests.project.tree import ROOT

PREFIX: Final = "PAYMENTS_SANDBOX_"
COMMAND: Final = (sys.executable, "-m", "payments_sandbox")
STUCK: Final = 20
"""Seconds after which a process that should have ended is killed."""


def environment(**extra: str) -> dict[str, str]:
    """The environment without variables of payments, as wide as a page, plus some."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PAYMENTS_")}
    return kept | {"COLUMNS": "80", "NO_COLOR": "1"} | extra


def variable(option: str) -> str:
    """The environment's name of an option."""
    return PREFIX + option.removeprefix("--").replace("-", "_").upper()


def options_of(command: str) -> set[str]:
    """The options that a command's help lists, apart from `--help`."""
    shown = run(*command.split(), "--help").stdout
    found = re.findall(r"^  (?:-\w(?: \w+)?, )?(--[a-z-]+)", shown, re.MULTILINE)
    return set(found) - {"--help"}


def run(
    *arguments: str,
    command: Sequence[str] = COMMAND,
    cwd: Path = ROOT,
    extra: Mapping[str, str] | None = None,
    given: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself; `extra` goes into its environment, `given` to its stdin."""
    return subprocess.run(
        [*command, *arguments],
        cwd=cwd,
        env=environment(**(extra or {})),
        input=given,
        capture_output=True,
        text=True,
        timeout=STUCK,
        check=False,
    )


class Running:
    """A command that goes on until it is stopped, in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def raw_line(self) -> str:
        """The next line that it prints, with its end."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate(timeout=STUCK)
        return line

    def line(self) -> str:
        """The next line that it prints."""
        return self.raw_line().removesuffix("\n")

    def lines(self, count: int) -> list[str]:
        """The next lines that it prints."""
        return [self.line() for _ in range(count)]

    def error_line(self) -> str:
        """The next line that it prints to stderr."""
        assert self.process.stderr is not None
        return self.process.stderr.readline().removesuffix("\n")

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Send a signal and wait; its exit code, and the seconds that it took."""
        started = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(STUCK)
        return code, time.monotonic() - started

    def rest(self) -> tuple[str, str]:
        """Once it has stopped: what else it has printed, and its errors."""
        output, errors = self.process.communicate(timeout=STUCK)
        return output, errors


class Served(Running):
    """`payments-sandbox serve` in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__(process)
        self.ready_line = self.raw_line()
        self.facts: dict[str, Any] = json.loads(self.ready_line)

    @property
    def address(self) -> str:
        """Where it listens."""
        return str(self.facts["base_url"]).removesuffix("/v3")


@contextmanager
def served(
    *arguments: str,
    command: Sequence[str] = COMMAND,
    cwd: Path = ROOT,
    extra: Mapping[str, str] | None = None,
) -> Iterator[Served]:
    """A server on a free port, ready, and gone when the block ends."""
    started = _started([*command, "serve", "--port", "0", *arguments], cwd, extra)
    with started as process:
        yield Served(process)


@contextmanager
def running(*arguments: str, extra: Mapping[str, str] | None = None) -> Iterator[Running]:
    """A command that goes on by itself, and gone when the block ends."""
    with _started([*COMMAND, *arguments], ROOT, extra) as process:
        yield Running(process)


@contextmanager
def _started(
    command: Sequence[str], cwd: Path, extra: Mapping[str, str] | None
) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=environment(**(extra or {})),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with ending(process):
        yield process


@contextmanager
def ending(process: subprocess.Popen[Any]) -> Iterator[None]:
    """A process that is gone when the block ends, whatever it takes."""
    with process:
        try:
            yield
        finally:
            if process.poll() is None:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(STUCK)
                process.kill()
