"""The timeline of a world: what happened, each thing after what caused it."""

from payments_sandbox.testing import Sandbox
from payments_sandbox.testing.timeline import see, timeline
from tests.support.sockets import pay


def test_an_event_stands_beside_its_request_and_not_beside_a_later_attempt(world: Sandbox) -> None:
    """Instants of one second are compared as such: as texts, `00.500Z` comes before `00Z`."""
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
