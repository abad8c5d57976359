"""The timeline of a world: each entry comes after its cause."""

from payments_sandbox.testing import Sandbox
from payments_sandbox.testing.timeline import see, timeline
from tests.support.sockets import pay


def test_the_timeline_is_sorted_by_instant_within_a_second(world: Sandbox) -> None:
    """They are compared as instants: as texts, `00.500Z` would sort before `00Z`."""
    world.control.create_webhook_endpoint("inbox:orders", events=["payment.*"], retries=["500ms"])
    world.inbox("orders", events=()).respond(500)
    pay(world)
    world.clock.advance("200ms")
    pay(world)
    world.clock.advance("300ms")

    moments = [each for each in timeline(see(world)) if each.kind != "clock"]

    assert [(each.kind, each.at.microsecond // 1_000) for each in moments] == [
        ("request", 0),
        ("event", 0),
        ("attempt", 0),
        ("request", 200),
        ("event", 200),
        ("attempt", 200),
        ("attempt", 500),
    ]
