"""Owns the command line as a user runs it: a process of its own, and a server to be stopped."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.project.tree import ROOT

PREFIX: Final = "PAYMENTS_SANDBOX_"
COMMAND: Final = (sys.executable, "-m", "sandbox")
STUCK: Final = 20
"""Seconds after which a process that should have ended is killed."""


def environment(**extra: str) -> dict[str, str]:
    """The environment without our own variables, as wide as a page, plus some."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return kept | {"COLUMNS": "80", "NO_COLOR": "1"} | extra


def variable(option: str) -> str:
    """The environment's name of an option."""
    return PREFIX + option.removeprefix("--").replace("-", "_").upper()


def options_of(command: str) -> set[str]:
    """The options that a command's help lists, apart from `--help`."""
    return set(re.findall(r"^  (--[a-z-]+)", run(command, "--help").stdout, re.MULTILINE))


def run(
    *arguments: str,
    command: Sequence[str] = COMMAND,
    cwd: Path = ROOT,
    extra: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself; `extra` goes into its environment."""
    return subprocess.run(
        [*command, *arguments],
        cwd=cwd,
        env=environment(**(extra or {})),
        capture_output=True,
        text=True,
        timeout=STUCK,
        check=False,
    )


class Served:
    """`payments-sandbox serve` in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], ready_line: str) -> None:
        self.process = process
        self.ready_line = ready_line
        self.facts: dict[str, Any] = json.loads(ready_line)

    @property
    def address(self) -> str:
        """Where it listens."""
        return str(self.facts["base_url"]).removesuffix("/v3")

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


@contextmanager
def served(
    *arguments: str,
    command: Sequence[str] = COMMAND,
    cwd: Path = ROOT,
    extra: Mapping[str, str] | None = None,
) -> Iterator[Served]:
    """A server on a free port, ready, and gone when the block ends."""
    with subprocess.Popen(
        [*command, "serve", "--port", "0", *arguments],
        cwd=cwd,
        env=environment(**(extra or {})),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            ready_line = process.stdout.readline()
            assert ready_line, process.communicate(timeout=STUCK)
            yield Served(process, ready_line)
        finally:
            if process.poll() is None:
                process.terminate()
