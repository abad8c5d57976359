"""Owns what runs as a process: commands, worlds of their servers, and nested test suites."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

import pytest
import yaml  # noqa: F401 - pytester unloads imports of its tests, and libyaml can load only once

from payments_sandbox.cli import main
from payments_sandbox.cli.failure import FAILED
from payments_sandbox.client.models import ReportModel
from payments_sandbox.verification.report_text import Reports, WorldReport
from tests.project.blocks import below, read_blocks
from tests.project.tree import ROOT
from tests.support.forked import (
    CAN_FORK,
    ForkedPytest,
    can_be_forked,
    forked_after,
)
from tests.support.sockets import RawReply, exchange, raw_request
from tests.support.terminal import terminal
from tests.support.values import LONGEST_WAIT, documented_create

PREFIX: Final = "PAYMENTS_SANDBOX_"
EXPLORING: Final = 180
"""Seconds that an exploration may take, as it starts many processes."""

COMMAND: Final = (sys.executable, "-m", "payments_sandbox")
AND_BE_THE_COMMAND: Final = "import sys; from payments_sandbox.cli import main; sys.exit(main())"
"""The end of a program that runs the command."""

OF_EVERY_COMMAND: Final = {"--help", "--no-color"}


WITHOUT_UVLOOP: Final = str(Path(__file__).parent / "without_uvloop")
"""A folder with a uvloop that cannot be imported, for the beginning of Python's path."""

WITHOUT_PLUGINS: Final = " ".join(
    f"-p no:{name}" for name in ("faker", "hypothesispytest", "randomly", "schemathesis", "xdist")
)
"""Options that make pytest start in a fifth of the time."""


def environment(**extra: str) -> dict[str, str]:
    """Return the environment without payment variables, 80 columns wide, plus given ones.

    Servers run on asyncio, as without the extra [fast], and nested suites run without the plugins
    that only this project's environment has. `python3` is the interpreter of the tests, because a
    wrapper of a version manager takes longer to start than most programs of tests take.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PAYMENTS_")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    ours = {"COLUMNS": "80", "NO_COLOR": "1", "PYTHONPATH": WITHOUT_UVLOOP, "PATH": path}
    return kept | ours | {"PYTEST_ADDOPTS": WITHOUT_PLUGINS} | extra


def environment_name(option: str) -> str:
    """Return the environment variable of an option."""
    return PREFIX + option.removeprefix("--").replace("-", "_").upper()


def options_of(command: str) -> set[str]:
    """Return the options in a command's help, without those that every command has."""
    shown = run(*command.split(), "--help").stdout
    found = re.findall(r"^  (?:-\w(?: \w+)?, )?(--[a-z-]+)", shown, re.MULTILINE)
    return set(found) - OF_EVERY_COMMAND


def run(  # noqa: PLR0913 - by keyword
    *arguments: str,
    command: Sequence[str] = COMMAND,
    cwd: Path = ROOT,
    extra: Mapping[str, str] | None = None,
    given: str | None = None,
    columns: int | None = None,
    is_process: bool | None = None,
    first: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run a command until it exits; `extra` is added to its environment, `given` is its stdin.

    With `columns` its stdout is a terminal of that width; `first` is Python code that its process
    runs first.

    A command that starts no server is called in this process, unless `is_process` is set: starting
    an interpreter takes longer than most commands.
    """
    if is_process is None:
        is_process = (
            bool(first)
            or command is not COMMAND
            or arguments[:1] in {("serve",), ("run",), ("explore",)}
        )
    if not is_process:
        return call(*arguments, cwd=cwd, extra=extra, given=given, columns=columns)
    timeout = EXPLORING if arguments[:1] == ("explore",) else LONGEST_WAIT
    stdin = None if given is None else subprocess.PIPE
    with started(
        arguments, command=command, cwd=cwd, extra=extra, stdin=stdin, first=first
    ) as process:
        output, errors = process.communicate(given, timeout)
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)


@contextmanager
def started(  # noqa: PLR0913 - as `run`
    arguments: Sequence[str],
    *,
    command: Sequence[str] = COMMAND,
    cwd: Path = ROOT,
    extra: Mapping[str, str] | None = None,
    stdin: int | None = None,
    stdout: int = subprocess.PIPE,
    stderr: int = subprocess.PIPE,
    process_group: int | None = None,
    first: str = "",
) -> Iterator[subprocess.Popen[str]]:
    """Start a process that is ended with the block; its outputs are pipes by default.

    It runs the Python code of `first` first.
    """
    is_forked = command is COMMAND and can_be_forked(extra or {})
    make = forked_after(first) if is_forked else subprocess.Popen[str]
    if first and not is_forked:
        command = python(f"{first}\n{AND_BE_THE_COMMAND}")
    process = make(
        list(arguments) if is_forked else [*command, *arguments],
        cwd=cwd,
        env=environment(**(extra or {})),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        text=True,
        process_group=process_group,
    )
    with ended_with_block(process):
        yield process


def call(
    *arguments: str,
    cwd: Path = ROOT,
    extra: Mapping[str, str] | None = None,
    given: str | None = None,
    columns: int | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command in this process, and restore streams, signals and environment."""
    variables = environment(**(extra or {}))
    piped, errors = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    if columns is None:
        code = _call(arguments, cwd, variables, given, (piped, errors))
        return subprocess.CompletedProcess(arguments, code, _text_in(piped), _text_in(errors))
    del variables["COLUMNS"]  # it would override the terminal's width
    with (
        terminal(columns, LONGEST_WAIT) as screen,
        open(os.dup(screen.device), "w", encoding="utf-8") as stdout,  # noqa: PTH123 - a descriptor, not a path
    ):
        code = _call(arguments, cwd, variables, given, (stdout, errors))
    return subprocess.CompletedProcess(arguments, code, screen.text, _text_in(errors))


def _call(
    arguments: Sequence[str],
    cwd: Path,
    variables: Mapping[str, str],
    given: str | None,
    streams: tuple[TextIO, TextIO],
) -> int:
    handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(cwd)
        patch.setattr(os, "environ", dict(variables))
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((given or "").encode())))
        patch.setattr(sys, "stdout", streams[0])
        patch.setattr(sys, "stderr", streams[1])
        try:
            return main(arguments)
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else FAILED
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)


def _text_in(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


class RunningCommand:
    """A command that runs in its own process until it is stopped."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def raw_line(self) -> str:
        """Return the next line of its output, with the line end."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate(timeout=LONGEST_WAIT)
        return line

    def line(self) -> str:
        """Return the next line of its output."""
        return self.raw_line().removesuffix("\n")

    def lines(self, count: int) -> list[str]:
        """Return the next lines of its output."""
        return [self.line() for _ in range(count)]

    def error_line(self) -> str:
        """Return the next line of its stderr."""
        assert self.process.stderr is not None
        return self.process.stderr.readline().removesuffix("\n")

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Send a signal, wait, and return exit code and seconds."""
        started = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(LONGEST_WAIT)
        return code, time.monotonic() - started

    def rest(self) -> tuple[str, str]:
        """Return the rest of stdout and stderr, once it has stopped."""
        output, errors = self.process.communicate(timeout=LONGEST_WAIT)
        return output, errors


class ServeProcess(RunningCommand):
    """`payments-sandbox serve` in its own process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__(process)
        self.ready_line = self.raw_line()
        self.facts: dict[str, Any] = json.loads(self.ready_line)

    @property
    def address(self) -> str:
        """The address where it listens."""
        return str(self.facts["base_url"]).removesuffix("/v3")


@contextmanager
def serve_process(
    *arguments: str,
    command: Sequence[str] = COMMAND,
    cwd: Path = ROOT,
    extra: Mapping[str, str] | None = None,
    first: str = "",
) -> Iterator[ServeProcess]:
    """Run a server on a free port until the block ends; `first` is as for `run`."""
    words = ("serve", "--port", "0", *arguments)
    with started(words, command=command, cwd=cwd, extra=extra, first=first) as process:
        yield ServeProcess(process)


@contextmanager
def running_command(
    *arguments: str, extra: Mapping[str, str] | None = None
) -> Iterator[RunningCommand]:
    """Run a command until the block ends."""
    with started(arguments, extra=extra) as process:
        yield RunningCommand(process)


@contextmanager
def ended_with_block(process: subprocess.Popen[Any]) -> Iterator[None]:
    """Kill a process at the end of the block if it still runs."""
    with process:
        try:
            yield
        finally:
            if process.poll() is None:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(LONGEST_WAIT)
                process.kill()


IGNORE_SIGTERM: Final = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
"""The beginning of a program that ignores SIGTERM."""

PRINT_PID_AND_URL: Final = (
    "import os; print(os.getpid(), os.environ['PAYMENTS_BASE_URL'], flush=True); "
)
"""The beginning of a program that prints its process id and the URL of its server."""

WAIT_FOR_SIGNAL: Final = "import signal; signal.pause(); "
"""The end of a program that waits for a signal."""


def python(program: str) -> tuple[str, ...]:
    """Return the command that runs a program."""
    return (sys.executable, "-c", program)


class RunProcess(RunningCommand):
    """`payments-sandbox run` with a running command that printed its process id and URL."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__(process)
        self.pid, self.base_url = self.line().split()

    @property
    def address(self) -> str:
        """The address of the server."""
        return self.base_url.removesuffix("/v3")

    def kill_group(self) -> None:
        """Kill the run and its process group."""
        os.killpg(self.process.pid, signal.SIGKILL)

    def ended(self) -> tuple[int, str, str]:
        """Return exit code and the rest of both outputs, once no process has them open."""
        output, errors = self.rest()
        return self.process.returncode, output, errors


@contextmanager
def run_process(
    program: str, *options: str, extra: Mapping[str, str] | None = None
) -> Iterator[RunProcess]:
    """Run a Python program with its own server; it prints its process id and URL first."""
    words = ("run", *options, "--", *python(PRINT_PID_AND_URL + program))
    with started(words, extra=extra, process_group=0) as process:
        try:
            yield RunProcess(process)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class RemoteWorld:
    """One world on a server, identified by address and key."""

    address: str
    key: str

    def ask(self, method: str, path: str, body: object = None) -> RawReply:
        """Send a request with its key."""
        raw = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.key}"}
        return exchange(self.address, raw_request(method, path, headers, raw))

    def control(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """Call the control API, and return the JSON of its answer."""
        reply = self.ask(method, f"/_sandbox{path}", body)
        assert reply.status < 300, reply
        return reply.json if reply.body else None

    def pay(self, **changes: object) -> RawReply:
        """Send the documented create with changes to its body."""
        return self.ask("POST", "/v3/payments", documented_create(**changes))

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that select it for a command."""
        return {"PAYMENTS_SANDBOX_URL": self.address, "PAYMENTS_SANDBOX_API_KEY": self.key}

    def run(
        self, *arguments: str, given: str | None = None, columns: int | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command for this world until it exits; with `columns` on a terminal."""
        return run(*arguments, extra=self.variables, given=given, columns=columns)

    def running(self, *arguments: str, **extra: str) -> AbstractContextManager[RunningCommand]:
        """Start a command for this world; `extra` is added to its environment."""
        return running_command(*arguments, extra=self.variables | extra)


def new_remote_world(address: str, **wishes: object) -> RemoteWorld:
    """Create a world, by default with a frozen clock."""
    wanted = json.dumps({"clock": "2030-01-15T10:30:00Z", **wishes}).encode()
    made = exchange(address, raw_request("POST", "/_sandbox/worlds", body=wanted)).json
    return RemoteWorld(address, made["api_key"])


def without_ids(text: str) -> str:
    """Return a text with ids, milliseconds and addresses masked, which differ between runs."""
    text = re.sub(r"\b(pay|ref|chb|evt|dlv|we|req)_\w+", r"\1_…", text)
    text = re.sub(r"\b[0-9]+\.[0-9] ms", "N ms", text)
    return re.sub(r"\bhttp://(127\.0\.0\.1|localhost):[0-9]+", "http://HOST", text)


def documented_example(heading: str) -> list[str]:
    """Return the masked lines of the example below a heading of docs/cli.md."""
    found = below(heading, read_blocks(ROOT / "docs" / "cli.md"))
    (block,) = [block for block in found if block.language == "console"]
    return without_ids(block.code).splitlines()


def run_pytest(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a pytest session in this folder in a forked process."""
    make = ForkedPytest if CAN_FORK else subprocess.Popen[str]
    with (
        make(
            list(arguments) if CAN_FORK else [sys.executable, "-m", "pytest", *arguments],
            cwd=Path.cwd(),
            env=dict(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
        ended_with_block(process),
    ):
        output, errors = process.communicate(timeout=LONGEST_WAIT)
    return subprocess.CompletedProcess(arguments, process.returncode, output, errors)


PLUGIN_NAME: Final = "payments-sandbox"

PLUGIN_MODULES: Final = {
    "aiohttp": "pytest_aiohttp.plugin",
    "anyio": "anyio.pytest_plugin",
    "asyncio": "pytest_asyncio.plugin",
}
"""Modules of plugins whose names are those of modules too, which pytest would warn about."""

PYTEST_INI: Final = """
[pytest]
filterwarnings = error
"""

ASYNCIO_INI: Final = "asyncio_default_fixture_loop_scope = function\n"


class Suite:
    """A folder with tests.

    Args:
        pytester: provides the folder.
        plugins: loaded in addition to the sandbox's plugin; no others are.
    """

    def __init__(self, pytester: pytest.Pytester, plugins: Sequence[str] = ()) -> None:
        self.pytester = pytester
        self.plugins = plugins
        pytester.makefile(".ini", pytest=PYTEST_INI + ASYNCIO_INI * ("asyncio" in plugins))

    def holds(self, code: str, **more: str) -> None:
        """Write test files; warnings are errors."""
        self.pytester.makepyfile(code, **more)

    def run(self, *arguments: str) -> pytest.RunResult:
        """Run the suite in a forked process."""
        temporary = f"--basetemp={self.pytester.path / 'temporary'}"
        done = run_pytest(temporary, *self._words(arguments))
        print(done.stdout, done.stderr)  # noqa: T201 - shown if a test fails
        output, errors = done.stdout.splitlines(), done.stderr.splitlines()
        return pytest.RunResult(done.returncode, output, errors, duration=0.0)

    def run_by_itself(self, *arguments: str) -> pytest.RunResult:
        """Run the suite in a new interpreter."""
        return self.pytester.runpytest_subprocess(*self._words(arguments))

    def shown(self, *arguments: str) -> str:
        """Run the suite, and return its output."""
        return self.run(*arguments).stdout.str()

    def _words(self, arguments: Sequence[str]) -> Sequence[str]:
        return [
            *("-p", PLUGIN_NAME),
            *(part for name in self.plugins for part in ("-p", PLUGIN_MODULES.get(name, name))),
            *arguments,
        ]


SHOP_MODULE: Final = """
import requests

CARD = {"type": "card", "card_number": "4111111111111111", "exp_month": 12, "exp_year": 2099,
        "cvc": "123"}

def pay(sandbox, **changes):
    card = {**CARD, **changes}
    body = {"amount": 2500, "currency": "USD", "payment_method": card}
    url = f"{sandbox.base_url}/payments"
    return requests.post(url, json=body, headers=sandbox.headers, timeout=10)
"""
"""A module that a suite can import as `shop`."""

PASSED_REPORT: Final[ReportModel] = {
    "passed": True,
    "expectations": [
        {
            "expect": {"payments": {"status": "completed"}, "count": 1},
            "met": True,
            "observed": "expected 1, saw 1: pay_1",
        }
    ],
    "rules": [
        {"scenario": "lost-reply", "rule": "lost", "matched": 1, "fired": 1, "why_not": None}
    ],
    "audit": {"clean": True, "findings": []},
}

EMPTY_REPORT: Final[ReportModel] = {
    "passed": True,
    "expectations": [],
    "rules": [],
    "audit": {"clean": True, "findings": []},
}

FAILED_REPORT: Final[ReportModel] = {
    "passed": False,
    "expectations": [
        {
            "expect": {"request": "create_payment", "count": {"min": 2, "max": 4}},
            "met": True,
            "observed": "expected 2 to 4, saw 2: req_1, req_2",
        },
        {
            "expect": {"payments": {"description": '<b> & "you": on', "status": "on"}, "count": 1},
            "met": False,
            "observed": "expected 1, saw 2: pay_1, pay_2",
        },
        {"expect": {"audit": "clean"}, "met": False, "observed": "found possible_double_charge"},
    ],
    "rules": [
        {"scenario": "lost-reply", "rule": "lost", "matched": 1, "fired": 1, "why_not": None},
        {
            "scenario": "lost-reply",
            "rule": "noise",
            "matched": 3,
            "fired": 2,
            "why_not": "ran out of steps once (then: fail)",
        },
        {
            "scenario": "burst",
            "rule": "rule-1",
            "matched": 0,
            "fired": 0,
            "why_not": "no such call was made",
        },
    ],
    "audit": {
        "clean": False,
        "findings": [
            {
                "kind": "possible_double_charge",
                "message": "2500 USD were taken twice for 'a\x00b\ud800'.",
                "advice": "Look before you pay again.",
                "requests": ["req_1", "req_2"],
            }
        ],
    },
}


def only_report(report: ReportModel) -> Reports:
    """Return the report as that of the only world."""
    return [WorldReport("sk_test_sandbox", report)]


UNUSED_WORLD: Final = WorldReport("sk_test_unused", EMPTY_REPORT, was_used=False)
UNDOCUMENTED_REPORT: Final[ReportModel] = {
    **EMPTY_REPORT,
    "name": "test_pays",
    "undocumented": [
        {"request": "req_1", "call": "POST /v3/payment", "nearest": "POST /v3/payments"}
    ],
}
