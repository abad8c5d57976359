"""`serve --until-stdin-closes`: a server that does not outlive the program that started it."""

import json
import signal
import socket
import subprocess
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest

from tests.support.process import COMMAND, python, run, started
from tests.support.sockets import exchange, raw_request
from tests.support.values import LONGEST_WAIT

OPTION: Final = "--until-stdin-closes"
SERVE: Final = ("serve", "--port", "0", OPTION)
HARNESS: Final = python(
    "import subprocess, sys\n"
    "server = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)\n"
    "server.wait()\n"
)
"""A program that starts a server, which shares its output."""


def test_the_server_stops_cleanly_when_stdin_is_closed(tmp_path: Path) -> None:
    """The ready file is deleted, as after a signal; input is ignored."""
    ready = tmp_path / "ready.json"
    with started([*SERVE, f"--ready-file={ready}"], stdin=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        address = json.loads(server.stdout.readline())["base_url"].removesuffix("/v3")
        server.stdin.write("a line\n")
        server.stdin.flush()
        assert exchange(address, raw_request("GET", "/_sandbox/ready")).status == 200
        output, errors = server.communicate(timeout=LONGEST_WAIT)

    assert (server.returncode, output, errors, ready.exists()) == (0, "", "", False)


def test_killing_the_program_that_started_it_stops_the_server() -> None:
    """The shared output ends once no process has it open, so the server is gone."""
    words = [*COMMAND, *SERVE]
    with started(words, command=HARNESS, stdin=subprocess.PIPE) as harness:
        assert harness.stdout is not None
        base_url = urlsplit(json.loads(harness.stdout.readline())["base_url"])
        harness.send_signal(signal.SIGKILL)
        output, errors = harness.communicate(timeout=LONGEST_WAIT)

    assert (output, errors) == ("", "")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((base_url.hostname, base_url.port)).close()


def test_a_signal_stops_the_server_while_stdin_is_open() -> None:
    with started(SERVE, stdin=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.readline()
        server.send_signal(signal.SIGTERM)

        assert server.wait(LONGEST_WAIT) == 0


def test_a_closed_stdin_at_the_start_exits_2() -> None:
    """The server would otherwise stop at once without any explanation."""
    with started(SERVE, stdin=subprocess.DEVNULL) as server:
        output, errors = server.communicate(timeout=LONGEST_WAIT)

    assert (server.returncode, output) == (2, "")
    assert errors.splitlines()[-1] == (
        "payments-sandbox serve: error: argument --until-stdin-closes: expected stdin to be a"
        " pipe that stays "
        "open; it is closed, or the null device"
    )


def test_run_does_not_have_the_option() -> None:
    """The stdin of `run` belongs to its command."""
    refused = run("run", OPTION, "--", "true").stderr

    assert f"argument {OPTION}: there is no such option" in refused
