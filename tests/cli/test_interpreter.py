"""A command in its own interpreter behaves like one that the tests fork."""

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
def test_a_command_in_its_own_interpreter_behaves_as_a_forked_one(words: tuple[str, ...]) -> None:
    """Exit code, stdout and stderr are the same."""
    own, forked = (run(*words, command=command, given="read\n") for command in (OWN, COMMAND))

    assert own.args == forked.args
    assert (own.returncode, own.stdout) == (forked.returncode, forked.stdout)
    assert own.stderr == forked.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_in_its_own_interpreter_serves_and_ends_as_a_forked_one(
    number: signal.Signals,
) -> None:
    """The exit code shows which signal ended it."""
    ended = []
    for command in (OWN, COMMAND):
        with serve_process("--clock", "2030-01-15T10:30:00Z", command=command) as server:
            assert exchange(server.address, raw_request("GET", "/v3/payments")).status == 200
            assert server.facts["pid"] == server.process.pid
            ended.append((server.stop(number)[0], server.rest()))

    assert ended[0] == ended[1]
