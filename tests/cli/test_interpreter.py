"""A command that has an interpreter of its own does what one does that tests have forked."""

import signal
from typing import Final

import pytest

from tests.support.process import COMMAND, run, serve_process
from tests.support.sockets import exchange, raw_request

OWN: Final = list(COMMAND)


@pytest.mark.parametrize(
    "words",
    [
        ("serve", "--port", "-1"),
        ("run", "--", "sh", "-c", "cat; pwd; echo said >&2; exit 3"),
        ("explore", "--", "no-such-command-anywhere"),
    ],
    ids=lambda words: words[0],
)
def test_a_command_says_the_same_and_ends_the_same(words: tuple[str, ...]) -> None:
    """Whatever it reads and prints."""
    own, forked = (run(*words, command=command, given="read\n") for command in (OWN, COMMAND))

    assert own.args == forked.args
    assert (own.returncode, own.stdout) == (forked.returncode, forked.stdout)
    assert own.stderr == forked.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_serves_and_is_ended_the_same(number: signal.Signals) -> None:
    """The exit code tells of the signal that has ended it."""
    ended = []
    for command in (OWN, COMMAND):
        with serve_process("--clock", "2030-01-15T10:30:00Z", command=command) as server:
            assert exchange(server.address, raw_request("GET", "/v3/payments")).status == 200
            assert server.facts["pid"] == server.process.pid
            ended.append((server.stop(number)[0], server.rest()))

    assert ended[0] == ended[1]
