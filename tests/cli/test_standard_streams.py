"""Standard streams that are closed, full or not UTF-8."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from signal import SIGTERM
from typing import Final

import pytest

from tests.support.process import COMMAND, environment, python
from tests.support.sockets import exchange, raw_request
from tests.support.values import LONGEST_WAIT

EachOf = Callable[..., tuple[list[int], "subprocess.CompletedProcess[str]"]]

FULL: Final = Path("/dev/full")
NO_SPACE: Final = "payments-sandbox: cannot write the output: No space left on device.\n"
needs_full = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")

PRINTING: Final = (
    ("--help",),
    ("--version",),
    ("cards",),
    ("cards", "--json"),
    ("serve", "--help"),
    ("openapi",),
    ("scenario", "list"),
    ("scenario", "show", "lost-reply"),
)
BUFFERED: Final = (("--help",), ("cards",), ("openapi",))
"""Output by argparse, less than a buffer, and more than one."""


EACH: Final = """
import json, os, sys
from payments_sandbox.cli import main
import payments_sandbox.server.factory

*words, last = json.loads(sys.argv[1])
codes = []
for sys.argv[1:] in words:
    if (child := os.fork()) == 0:
        sys.exit(main())
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
with open(sys.argv[0] + ".codes", "w") as file:
    json.dump(codes, file)
sys.argv[1:] = last
sys.exit(main())
"""
"""A program that runs one command after the other. It writes the exit codes of all but the last to
a file next to it. Sharing one interpreter is faster, as imports take longer than the commands."""


@pytest.fixture
def each(tmp_path: Path) -> Path:
    """Return the path of that program."""
    program = tmp_path / "each.py"
    program.write_text(EACH, encoding="utf-8")
    return program


def codes_of(each: Path) -> list[int]:
    """Return the exit codes of all commands except the last."""
    return list(json.loads(each.with_name("each.py.codes").read_text("utf-8")))


@pytest.fixture
def each_of(each: Path) -> EachOf:
    """Return a function that runs many commands in one interpreter with given streams."""

    def run_them(
        script: str, commands: Sequence[Sequence[str]], **extra: str
    ) -> tuple[list[int], "subprocess.CompletedProcess[str]"]:
        command = (sys.executable, str(each))
        done = shell(script, json.dumps(commands), command=command, **extra)
        return [*codes_of(each), done.returncode], done

    return run_them


def shell(
    script: str, *words: str, command: Sequence[str] = COMMAND, **extra: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command whose streams a shell has redirected: `"$@"` is the command."""
    return subprocess.run(
        ["sh", "-c", script, "sh", *command, *words],
        env=environment(**extra),
        capture_output=True,
        text=True,
        timeout=LONGEST_WAIT,
        check=False,
    )


@pytest.mark.parametrize("redirection", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_serve_and_run_work_with_closed_standard_streams(each: Path, redirection: str) -> None:
    """No socket gets the descriptor of a stream, and `run` opens streams for its command."""
    os.mkfifo(ready := each.with_name("ready"))
    has_streams = "import os; [os.fstat(stream) for stream in range(3)]"
    commands = [
        ["run", "--", *python(has_streams)],
        ["serve", "--port", "0", "--log", "--ready-file", str(ready)],
    ]
    with subprocess.Popen(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, each, json.dumps(commands)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        address = ready.read_text(encoding="utf-8").split('"')[3].removesuffix("/v3")
        assert exchange(address, raw_request("GET", "/v3/payments")).status == 200
        server.send_signal(SIGTERM)
        assert (server.wait(LONGEST_WAIT), server.stderr and server.stderr.read()) == (0, "")
    assert codes_of(each) == [0]


def test_output_to_an_ascii_stream_replaces_other_characters(each_of: EachOf) -> None:
    """They become question marks."""
    codes, done = each_of('"$@"', PRINTING, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (codes, done.stderr) == ([0] * len(PRINTING), "")
    assert done.stdout.isascii()
    assert "?" in done.stdout


def test_an_error_about_undecodable_arguments_is_printed_in_ascii() -> None:
    """The argument is not valid UTF-8."""
    done = subprocess.run(
        [*COMMAND, b"serv\xe9\xff"],
        env=environment(PYTHONIOENCODING="ascii", PYTHONUTF8="0"),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.splitlines()[-1].startswith(b"payments-sandbox: error: there is no command")


@needs_full
def test_buffered_output_to_a_full_disk_exits_1_with_one_line(each_of: EachOf) -> None:
    """The output is lost, so the command fails."""
    codes, done = each_of('"$@" > /dev/full', BUFFERED, PYTHONUNBUFFERED="")
    assert (codes, done.stderr) == ([1] * len(BUFFERED), NO_SPACE * len(BUFFERED))


@needs_full
def test_unbuffered_output_to_a_full_disk_exits_1_with_one_line() -> None:
    """Without a buffer, writing fails in the middle of the command."""
    done = shell('"$@" > /dev/full', "cards", PYTHONUNBUFFERED="1")
    assert (done.returncode, done.stderr) == (1, NO_SPACE)


@needs_full
def test_a_full_disk_on_stderr_does_not_change_exit_codes(each_of: EachOf) -> None:
    """The outcome is the same although messages are lost."""
    outcomes = {
        ("srve",): 2,
        ("serve", "--prot", "1"): 2,
        ("healthcheck", "--url", "http://127.0.0.1:1"): 1,
        ("report", "--url", "http://127.0.0.1:1"): 1,
        ("run", "--", "no-such-command"): 127,
        ("run", "--", sys.executable, "-c", "raise SystemExit(7)"): 7,
        ("cards",): 0,
    }
    extra = {"PAYMENTS_SANDBOX_FOO_TEAM": "red"}  # causes a warning
    codes, _ = each_of('"$@" 2> /dev/full', list(outcomes), **extra)
    assert dict(zip(outcomes, codes, strict=True)) == outcomes


@needs_full
def test_a_server_serves_and_stops_normally_with_stdout_on_a_full_disk(tmp_path: Path) -> None:
    """A server must not fail because its log cannot be written."""
    os.mkfifo(ready := tmp_path / "ready")
    with (
        FULL.open("wb") as full,
        subprocess.Popen(
            [*COMMAND, "serve", "--port", "0", "--log", "--ready-file", str(ready)],
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        ) as server,
    ):
        address = ready.read_text(encoding="utf-8").split('"')[3].removesuffix("/v3")
        assert exchange(address, raw_request("GET", "/v3/payments")).status == 200
        server.send_signal(SIGTERM)
        assert (server.wait(LONGEST_WAIT), server.stderr and server.stderr.read()) == (0, "")
