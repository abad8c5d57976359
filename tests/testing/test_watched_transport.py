"""Requests of the control API that end worlds or scenarios, and their watchers."""

import json

import pytest

from payments_sandbox.client.messages import HttpRequest
from payments_sandbox.testing import MemorySandbox
from payments_sandbox.testing.memory_sandbox import AsyncMemoryTransport, MemoryTransport
from payments_sandbox.testing.watched_transport import (
    AsyncWatchedTransport,
    Ending,
    EndOfScenarios,
    OnceEnded,
    what_ends,
)
from tests.support.tables import for_each


@for_each(
    ("method", "path", "body", "ends"),
    [
        ("DELETE", "/world", None, "dropped"),
        ("PUT", "/world/snapshot", {}, "restored"),
        ("POST", "/world/reset", None, "reset"),
        ("POST", "/world/reset", {"only": ["journal", "rules"]}, "reset"),
        ("POST", "/world/reset", {"only": ["webhooks"]}, "partly reset"),
        ("POST", "/world/reset", {"only": ["rules", "clock"]}, None),
        ("DELETE", "/scenarios/active", None, EndOfScenarios(None)),
        ("DELETE", "/scenarios/active?name=a%20b", None, EndOfScenarios("a b")),
        ("PUT", "/scenarios/active", ["a"], EndOfScenarios(None, ["a"])),
        ("PUT", "/scenarios/active", {"scenario": "a"}, None),
        ("POST", "/scenarios/active", "a", None),
        ("GET", "/world", None, None),
    ],
)
def test_requests_that_end_worlds_or_scenarios_are_recognised(
    method: str, path: str, body: object, ends: object
) -> None:
    sent = None if body is None else json.dumps(body).encode()
    assert what_ends(HttpRequest(method, f"/_sandbox{path}", sent)) == ends


def test_a_body_that_is_not_json_ends_nothing() -> None:
    assert what_ends(HttpRequest("PUT", "/_sandbox/scenarios/active", b"- a: [")) is None


def test_end_of_scenarios_excludes_those_that_stay() -> None:
    end = EndOfScenarios(None, ["a", {"scenario": "b", "rules": []}])
    assert not end.includes({"scenario": "a"})
    assert not end.includes({"scenario": "b", "rules": []})
    assert end.includes({"scenario": "b"})
    assert EndOfScenarios("a").includes({"scenario": "a"})


def test_without_an_asyncio_loop_watchers_are_called_within_the_call() -> None:
    """This is the case in trio, with a sandbox without a socket."""
    reset = HttpRequest("POST", "/_sandbox/world/reset")
    told: list[Ending] = []

    def before(ending: Ending) -> OnceEnded:
        return lambda: told.append(ending)

    with MemorySandbox() as server, server.new_world() as world:
        memory = MemoryTransport(server.server, world.headers | {"Host": "sandbox"})
        transport = AsyncWatchedTransport(AsyncMemoryTransport(memory), before)
        sending = transport.send(reset)
        with pytest.raises(StopIteration) as done:
            sending.send(None)
    assert done.value.value.status == 200
    assert told == ["reset"]
