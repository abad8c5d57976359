"""Owns the routes of the clock: show it, freeze it, move it, let it run."""

from typing import Final

from payments_sandbox.core.errors import parse_field
from payments_sandbox.core.instants import Instant, read_duration, read_instant, show_milliseconds
from payments_sandbox.core.slices import rows_of
from payments_sandbox.server.control.control_request import ControlRequest, blocked_ports
from payments_sandbox.server.slices import run_in_slices
from payments_sandbox.world.timeline import TimelineEntry
from payments_sandbox.world.world import World

DUE_SHOWN: Final = 100
"""How many of the next due jobs `GET clock` lists."""


def retrieve_clock(request: ControlRequest) -> dict[str, object]:
    """Show now, the mode, what is due next, and the moves by hand, if any."""
    moves = [
        {"at": show_milliseconds(start), "to": show_milliseconds(end)}
        for start, end in request.world.clock.moves
    ]
    return clock_json(request.world) | ({"moves": moves} if moves else {})


async def freeze_clock(request: ControlRequest) -> dict[str, object]:
    """Stop the clock, now or at a later instant; what falls due on the way happens."""
    world = request.world
    if (text := request.body.get("at")) is not None:
        at = _reachable(world, "at", parse_field(read_instant, "at", text))
        await request.runtime.clock_advancer.advance(
            world, lambda: _reachable(world, "at", at), blocked_ports(request)
        )
    world.clock.freeze()
    return clock_json(world)


def resume_clock(request: ControlRequest) -> dict[str, object]:
    """Let the clock run at wall speed from the world's now."""
    request.world.clock.resume()
    return clock_json(request.world)


async def advance_clock(request: ControlRequest) -> dict[str, object]:
    """Move the clock; answer when everything that became due has happened, webhooks included."""
    world = request.world
    _target(world, request.body)  # refuse an unreachable target before waiting for anything
    happened = await request.runtime.clock_advancer.advance(
        world, lambda: _target(world, request.body), blocked_ports(request)
    )
    return {
        "now": show_milliseconds(world.clock.now()),
        "happened": await run_in_slices(rows_of(happened, _happened_json)),
    }


def clock_json(world: World) -> dict[str, object]:
    """Return the clock as JSON."""
    return {
        "now": show_milliseconds(world.clock.now()),
        "mode": world.clock.mode.value,
        "due": [_due_json(each) for each in world.upcoming(DUE_SHOWN)],
    }


def _target(world: World, wanted: dict[str, str]) -> Instant:
    now = world.clock.now()
    if "to" in wanted:
        return _reachable(world, "to", parse_field(read_instant, "to", wanted["to"]))
    if "by" in wanted:
        by = parse_field(read_duration, "by", wanted["by"])
        return _reachable(world, "by", Instant(now + by))
    return world.timeline.next_due or now


def _reachable(world: World, field: str, at: Instant) -> Instant:
    world.clock.check_reachable(at, field)
    return at


def _due_json(each: TimelineEntry) -> dict[str, object]:
    shown: dict[str, object] = {
        "at": show_milliseconds(each.at),
        "what": each.what,
        "payment_id": each.payment_id,
    }
    return shown if each.delivery_id is None else shown | {"delivery_id": each.delivery_id}


def _happened_json(each: TimelineEntry) -> dict[str, object]:
    shown = _due_json(each) | {"event_id": each.event_id}
    return shown if each.delivery_id is None else shown | {"error": each.error}
