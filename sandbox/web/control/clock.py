"""Owns the routes of the clock: show it, freeze it, move it, let it run."""

from sandbox.domain.errors import InvalidRequest
from sandbox.domain.instants import Instant, read_duration, read_instant, show_instant
from sandbox.engine.world import Happening, World
from sandbox.web.control.ask import Ask

DUE_SHOWN = 100
"""How many of the next due jobs `GET clock` lists."""


def retrieve_clock(ask: Ask) -> dict[str, object]:
    """Now, the mode, and what is due next."""
    return shown(ask.world)


def freeze_clock(ask: Ask) -> dict[str, object]:
    """Stand still, now or at a later instant; what falls due on the way happens."""
    world = ask.world
    if (text := ask.body.get("at")) is not None:
        at = _instant("at", text)
        world.clock.check_reachable(at, "at")
        _walk(world, at)
    world.clock.freeze()
    return shown(world)


def resume_clock(ask: Ask) -> dict[str, object]:
    """Go on at wall speed from the world's now."""
    ask.world.clock.resume()
    return shown(ask.world)


def advance_clock(ask: Ask) -> dict[str, object]:
    """Move on; answers when all that became due has happened, and lists it in order."""
    world = ask.world
    until = _target(world, ask.body)
    happened = _walk(world, until)
    return {
        "now": show_instant(world.clock.now()),
        "happened": [_shown_happening(each) | {"event_id": each.event_id} for each in happened],
    }


def shown(world: World) -> dict[str, object]:
    """The clock as JSON."""
    return {
        "now": show_instant(world.clock.now()),
        "mode": world.clock.mode.value,
        "due": [_shown_happening(each) for each in world.upcoming(DUE_SHOWN)],
    }


def _walk(world: World, until: Instant) -> list[Happening]:
    return [each for batch in world.walk(until) for each in batch]


def _target(world: World, wanted: dict[str, str]) -> Instant:
    now = world.clock.now()
    if "to" in wanted:
        until = _instant("to", wanted["to"])
        world.clock.check_reachable(until, "to")
    elif "by" in wanted:
        until = Instant(now + _duration("by", wanted["by"]))
        world.clock.check_reachable(until, "by")
    else:
        until = world.timeline.next_due or now
    return until


def _instant(field: str, text: str) -> Instant:
    try:
        return read_instant(text)
    except ValueError as error:
        raise InvalidRequest(f"/{field}: {error}.") from None


def _duration(field: str, text: str) -> int:
    try:
        return read_duration(text)
    except ValueError as error:
        raise InvalidRequest(f"/{field}: {error}.") from None


def _shown_happening(each: Happening) -> dict[str, object]:
    return {"at": show_instant(each.at), "what": each.what, "payment_id": each.payment_id}
