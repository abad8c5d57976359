"""Each world of a run is recorded: at the end, and before anything takes what was seen in it."""

import pytest

from payments_sandbox.exploration.run_record import RecordedWorlds, WorldRecord
from payments_sandbox.testing.direct_server import run_now
from payments_sandbox.testing.memory_sandbox import MemorySandbox
from payments_sandbox.testing.sandbox import Sandbox


def recorded(server: MemorySandbox) -> tuple[WorldRecord, ...]:
    """What was recorded of a server, which ends then."""
    runtime = server.server.sandbox.runtime
    assert isinstance(runtime.reports, RecordedWorlds)
    return run_now(runtime.reports.recorded(runtime.worlds))


@pytest.fixture
def recording() -> MemorySandbox:
    """A server that records."""
    server = MemorySandbox()
    runtime = server.server.sandbox.runtime
    runtime.reports = RecordedWorlds(runtime.notifier)
    return server


def event(world: Sandbox) -> None:
    """Let something happen in a world."""
    world.control.create_event("payment.completed")


@pytest.mark.parametrize(
    ("scopes", "records"), [(["journal"], 2), (["payments", "rules"], 2), (["rules"], 1)]
)
def test_a_reset_that_takes_what_was_seen_begins_a_new_record(
    recording: MemorySandbox, scopes: list[str], records: int
) -> None:
    with recording as server, server.new_world() as world:
        event(world)
        world.control.reset_world(only=scopes)  # type: ignore[arg-type]
        event(world)
        assert len(recorded(server)) == records


def test_a_world_that_is_dropped_is_recorded_and_one_that_nobody_used_is_not(
    recording: MemorySandbox,
) -> None:
    with recording as server:
        with server.new_world() as world:
            event(world)
        with server.new_world():
            pass
        assert len(recorded(server)) == 1
