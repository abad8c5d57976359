"""Owns `payments-sandbox run` as a process, and the small Python programs that it runs in tests."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from tests.project.tree import ROOT
from tests.support.command import COMMAND, Running, environment

STUBBORN: Final = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
"""Before the rest of a program: it ignores SIGTERM."""

TELL: Final = "import os; print(os.getpid(), os.environ['PAYMENTS_BASE_URL'], flush=True); "
"""Before the rest of a program: it says who it is, and where its server is."""

WAIT: Final = "import signal; signal.pause(); "
"""The rest of a program: it ends by a signal."""


FORKS: Final = f"""
import subprocess, sys
deaf = {STUBBORN + "print('deaf', flush=True);" + WAIT!r}
child = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE)
child.stdout.readline()
"""
"""The begin of a program: another runs beside it, with its stderr, and ignores SIGTERM."""


ASK: Final = """
import json, os, urllib.error, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
def ask(url, body=None):
    headers = {"Authorization": "Bearer " + os.environ["PAYMENTS_API_KEY"],
               "Content-Type": "application/json"}
    raw = None if body is None else json.dumps(body).encode()
    with opener.open(urllib.request.Request(url, raw, headers)) as reply:
        return json.load(reply)
def play(scenario):
    return ask(os.environ["PAYMENTS_SANDBOX_URL"] + "/scenarios/active", scenario)
def pay(body):
    return ask(os.environ["PAYMENTS_BASE_URL"] + "/payments", body)
def listed(body):
    query = "/payments?customer_id=" + body["customer_id"]
    return ask(os.environ["PAYMENTS_BASE_URL"] + query)["data"]
"""
"""The begin of a program that uses its sandbox: it can `play` a scenario, `pay`, and look."""

TERMINAL: Final = """
import os, pty, sys
def typed(keyboard):
    return os.read(keyboard, 1024) or sys.exit(1)
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:], stdin_read=typed)))
"""
"""A program: a terminal for a command, until that ends or nobody holds the keyboard any more.

A test that is killed cleans nothing up, but the kernel closes what it had open. The terminal goes
with its program then, and hangs up on all that runs there."""


def python(program: str) -> tuple[str, ...]:
    """The command that runs a program."""
    return (sys.executable, "-c", program)


class Beside(Running):
    """`payments-sandbox run` while its command, which has told of itself, runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__(process)
        self.pid, self.base_url = self.line().split()

    @property
    def address(self) -> str:
        """Where the server is."""
        return self.base_url.removesuffix("/v3")

    def kill_group(self) -> None:
        """Kill the run, and whatever is of its process group."""
        os.killpg(self.process.pid, signal.SIGKILL)

    def ended(self) -> tuple[int, str, str]:
        """The exit code and the rest of both outputs, which end when nobody has them open."""
        output, errors = self.rest()
        return self.process.returncode, output, errors


@contextmanager
def beside(program: str, *options: str, extra: Mapping[str, str] | None = None) -> Iterator[Beside]:
    """Run a Python program with a server of its own; it tells of itself first."""
    with subprocess.Popen(
        [*COMMAND, "run", *options, "--", *python(TELL + program)],
        cwd=ROOT,
        env=environment(**(extra or {})),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as process:
        try:
            yield Beside(process)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def at_terminal(script: str) -> Iterator[subprocess.Popen[str]]:
    """A shell script in the foreground of a terminal of its own: its stdin is the keyboard."""
    with subprocess.Popen(
        [*python(TERMINAL), "sh", "-c", f"stty -echo; {script}"],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as terminal:
        try:
            yield terminal
        finally:
            terminal.kill()
