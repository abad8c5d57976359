"""Each world of a run is recorded at the end, and before its journal or payments are deleted."""

import pytest

from payments_sandbox.exploration.run_record import RecordedWorlds, WorldRecord
from payments_sandbox.testing.direct_server import run_now
from payments_sandbox.testing.memory_sandbox import MemorySandbox
from payments_sandbox.testing.sandbox import Sandbox


def recorded(server: MemorySandbox) -> tuple[WorldRecord, ...]:
    """Return the records of a server, and end it."""
    runtime = server.server.sandbox.runtime
    assert isinstance(runtime.reports, RecordedWorlds)
    return run_now(runtime.reports.recorded(runtime.worlds))


@pytest.fixture
def recording() -> MemorySandbox:
    """Return a server that records its worlds."""
    server = MemorySandbox()
    runtime = server.server.sandbox.runtime
    runtime.reports = RecordedWorlds(runtime.notifier)
    return server


def event(world: Sandbox) -> None:
    """Create an event in a world."""
    world.control.create_event("payment.completed")


@pytest.mark.parametrize(
    ("scopes", "records"),
    [(["journal"], 2), (["payments", "rules"], 2), (["rules"], 1)],
    ids=["journal", "payments and rules", "rules only"],
)
def test_a_reset_of_the_journal_or_payments_starts_a_new_record(
    recording: MemorySandbox, scopes: list[str], records: int
) -> None:
    with recording as server, server.new_world() as world:
        event(world)
        world.control.reset_world(only=scopes)  # type: ignore[arg-type]
        event(world)
        assert len(recorded(server)) == records


def test_a_dropped_world_is_recorded_and_an_unused_one_is_not(
    recording: MemorySandbox,
) -> None:
    with recording as server:
        with server.new_world() as world:
            event(world)
        with server.new_world():
            pass
        assert len(recorded(server)) == 1
