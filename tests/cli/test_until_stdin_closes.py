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
"""A program that starts a server whose output is its own."""


def test_it_serves_until_stdin_is_closed(tmp_path: Path) -> None:
    """It puts things in order, as after a signal; what is written to it does not matter."""
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


def test_a_harness_that_is_killed_leaves_no_server() -> None:
    """Its output ends when nobody has it open any more: the server has gone."""
    words = [*COMMAND, *SERVE]
    with started(words, command=HARNESS, stdin=subprocess.PIPE) as harness:
        assert harness.stdout is not None
        base_url = urlsplit(json.loads(harness.stdout.readline())["base_url"])
        harness.send_signal(signal.SIGKILL)
        output, errors = harness.communicate(timeout=LONGEST_WAIT)

    assert (output, errors) == ("", "")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((base_url.hostname, base_url.port)).close()


def test_a_signal_stops_it_as_ever() -> None:
    """While stdin is open."""
    with started(SERVE, stdin=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.readline()
        server.send_signal(signal.SIGTERM)

        assert server.wait(LONGEST_WAIT) == 0


def test_a_stdin_that_ends_at_once_is_refused() -> None:
    """No server would be there, and nobody would know why."""
    with started(SERVE, stdin=subprocess.DEVNULL) as server:
        output, errors = server.communicate(timeout=LONGEST_WAIT)

    assert (server.returncode, output) == (2, "")
    assert errors.splitlines()[-1] == (
        "payments-sandbox serve: error: argument --until-stdin-closes: expected stdin to be a"
        " pipe that stays "
        "open; it is closed, or the null device"
    )


def test_only_a_server_by_itself_has_the_option() -> None:
    """The stdin of a run is its command's."""
    refused = run("run", OPTION, "--", "true").stderr

    assert f"argument {OPTION}: there is no such option" in refused
