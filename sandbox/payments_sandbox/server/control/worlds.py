"""Owns the routes of worlds: create, list, reset, fill, delete, snapshot and restore them."""

from collections.abc import Collection, Sequence
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from aiohttp import web

from payments_sandbox.core.errors import InvalidRequest, parse_field
from payments_sandbox.core.instants import Instant, read_instant, show_milliseconds
from payments_sandbox.core.slices import SLICE, Slices, discard
from payments_sandbox.server.control import clock, rate_limit
from payments_sandbox.server.control.control_request import ControlRequest, read_all
from payments_sandbox.server.control.page import Listing, page
from payments_sandbox.server.response import send_blocks
from payments_sandbox.server.slices import run_in_slices
from payments_sandbox.server.world_runtime import Filling, WorldRuntime
from payments_sandbox.world.snapshot import (
    check_seal,
    has_scenarios,
    restoring,
    sealed,
    snapshotting,
)
from payments_sandbox.world.world import ResetScope, World

if TYPE_CHECKING:
    from payments_sandbox.contract.schema_errors import Path
    from payments_sandbox.rules.scenario import Scenario


async def create_world(request: ControlRequest) -> dict[str, object]:
    """Create a world with its own API key."""
    wanted = request.body
    limits = wanted.get("rate_limit", {})
    read = partial(
        read_all,
        lambda: rate_limit.check(limits, request.settings.rate_limit, "/rate_limit"),
        lambda: _clock(wanted.get("clock")),
        lambda: _scenarios(request, wanted.get("scenarios")),
    )
    # In a thread: the first scenario imports the scenario language, which takes long.
    has_scenarios = bool(wanted.get("scenarios"))
    _, start, scenarios = await request.runtime.run_beside(read) if has_scenarios else read()
    making = request.runtime.worlds.making(
        wanted.get("api_key"),
        name=wanted.get("name") or None,
        seed=wanted.get("seed"),
        clock=start,
        rate_limit=limits.get("limit"),
        scenarios=scenarios,
    )
    world = await run_in_slices(making)
    world.limiter.turn(world.clock.now())
    world.limiter.set(limit=None, remaining=limits.get("remaining"))
    return _world_json(request, world)


def _scenarios(request: ControlRequest, values: list[object] | None) -> "Sequence[Scenario]":
    if not values:
        return ()
    from payments_sandbox.scenarios.library import library_of  # noqa: PLC0415 - imports the scenario language
    from payments_sandbox.server.control.scenarios import resolve_scenarios  # noqa: PLC0415 - as above

    by_path: dict[Path, object] = {("scenarios", n): each for n, each in enumerate(values)}
    return resolve_scenarios(library_of(request.settings), by_path)


async def list_worlds(request: ControlRequest) -> dict[str, object]:
    """List all worlds in summary, the last used first."""
    uses = list(uses_of_worlds(request.runtime))
    if others := await request.runtime.elsewhere.ask("uses_of_worlds"):
        uses += chain.from_iterable(others)
        uses.sort(key=itemgetter(1), reverse=True)
    keys = [key for key, _ in uses]
    start, limit = request.query.get("starting_after"), request.query["limit"]
    while True:
        first = keys.index(start) + 1 if start in keys else 0
        shown = await _summaries(request, wanted := keys[first : first + limit])
        if not (dropped := {*wanted} - {*shown}):
            break
        keys = [key for key in keys if key not in dropped]  # they were dropped meanwhile
    listing = Listing(
        noun="a world (its API key)",
        position_of=lambda key: keys.index(key) if key in keys else None,
        items_after=lambda position: keys[0 if position is None else position + 1 :],
        show=lambda key: shown[key],
        cursor_of=lambda key: key,
    )
    return page(request, listing)


async def _summaries(request: ControlRequest, keys: Sequence[str]) -> dict[str, dict[str, object]]:
    shown = summaries_of_worlds(request.runtime, keys, request.origin)
    if len(shown) < len(keys):
        arguments = [keys, request.origin]
        for more in await request.runtime.elsewhere.ask("summaries_of_worlds", arguments):
            shown |= more
    return shown


def uses_of_worlds(runtime: WorldRuntime) -> Sequence[tuple[str, Instant]]:
    """Return the keys of this process's worlds, each with its last use; the last used first."""
    return [(each.config.api_key, each.used_at) for each in runtime.worlds][::-1]


def summaries_of_worlds(
    runtime: WorldRuntime, keys: Collection[str], origin: str
) -> dict[str, dict[str, object]]:
    """Return those worlds of this process whose keys are given, as the list shows them.

    `origin` is the address by which the client has reached the server.
    """
    wanted = frozenset(keys)
    # Only the list shows `used_at`: a single world that is polled then stays the same while
    # nothing happens in it.
    return {
        world.config.api_key: _summary(runtime, origin, world)
        | {"used_at": show_milliseconds(world.used_at)}
        for world in runtime.worlds
        if world.config.api_key in wanted
    }


def retrieve_world(request: ControlRequest) -> dict[str, object]:
    """Show the world's settings and counts."""
    return _world_json(request, request.world)


async def reset_world(request: ControlRequest) -> dict[str, object]:
    """Put the world, or parts of it, back into the state in which it was created."""
    world = request.world
    scopes = [ResetScope(name) for name in request.body.get("only", list(ResetScope))]
    _check_clock(world, scopes)  # first, so that no report is kept of a reset that is refused
    await request.runtime.before_reset(world, scopes)
    _check_clock(world, scopes)
    if world.rules.scenarios:
        from payments_sandbox.scenarios.activation import resetting  # noqa: PLC0415 - most worlds have no scenarios

        await run_in_slices(resetting(world, scopes))
    else:
        world.reset(scopes)
    request.runtime.reset(world, scopes)
    return _world_json(request, world)


def _check_clock(world: World, scopes: Sequence[ResetScope]) -> None:
    moves_clock_alone = ResetScope.CLOCK in scopes and ResetScope.PAYMENTS not in scopes
    if moves_clock_alone and world.would_go_back():
        raise InvalidRequest(
            "/only: expected 'payments' in addition to 'clock': some payments are later than the"
            " reset clock, and time never goes back. POST /_sandbox/world/reset with"
            ' {"only": ["payments", "clock"]} would work.'
        )


async def seed_world(request: ControlRequest) -> dict[str, object]:
    """Fill the world with payments of the past; meanwhile it is served as it was."""
    filling = await request.runtime.run_beside(partial(_read_filling, request))
    fillings, world, wanted = request.runtime.fillings, request.world, request.body["payments"]
    fillings[world] = Filling(0, wanted)
    try:
        await run_in_slices(_count_slices(filling, fillings, world))
    finally:
        fillings.pop(world, None)
    return _world_json(request, world)


def _count_slices(work: Slices[None], fillings: dict[World, Filling], world: World) -> Slices[None]:
    """Fill a world, and record the progress in `fillings`."""
    for number, _ in enumerate(work):  # the first slice has made no payments yet
        wanted = fillings[world].wanted if world in fillings else 0
        fillings[world] = Filling(min(max(0, number - 1) * SLICE, wanted), wanted)
        yield


def _read_filling(request: ControlRequest) -> Slices[None]:
    """Read what a world is to be filled with, and return the work, not begun yet."""
    from payments_sandbox.scenarios.initial_state import fill_world  # noqa: PLC0415 - few fill a world
    from payments_sandbox.scenarios.parser import parse_generated  # noqa: PLC0415 - few fill a world

    wanted = parse_field(parse_generated, "over", request.body)
    if wanted.customers > wanted.payments:
        raise InvalidRequest(
            f"/customers: expected at most the number of payments, {wanted.payments}."
        )
    return fill_world(request.world, wanted, request.body.get("seed"))


async def delete_world(request: ControlRequest) -> None:
    """Drop the world; its key gets a new world when it is used again."""
    await request.runtime.before_drop(request.world)
    if request.world in request.runtime.worlds:
        await run_in_slices(request.runtime.worlds.dropping(request.world))


async def retrieve_snapshot(request: ControlRequest) -> web.StreamResponse:
    """Return the whole world as sealed JSON; other requests are served meanwhile."""
    snapshot = await run_in_slices(snapshotting(request.world))
    blocks = await run_in_slices(sealed(snapshot))
    await run_in_slices(discard(snapshot["ledger"]))
    return await send_blocks(request.http, blocks)


async def restore_snapshot(request: ControlRequest) -> dict[str, object]:
    """Replace the world by a snapshot; until that is complete, the old world is served."""
    await run_in_slices(check_seal(request.body))
    if has_scenarios(request.body):
        await request.runtime.import_language()
    worlds = request.runtime.worlds
    steps = restoring(
        request.body,
        api_key=request.world.config.api_key,
        made_at=worlds.context.wall(),
        context=worlds.context,
    )
    world = await run_in_slices(steps)
    await run_in_slices(discard(request.body["ledger"]))
    world.config = world.config._replace(name=request.world.config.name)
    await request.runtime.before_drop(request.world)
    worlds.put(world)
    if (totals := request.runtime.totals) is not None:
        totals.restored(world)
    request.runtime.changed(world)
    return _world_json(request, world)


def _clock(text: str | None) -> Instant | str | None:
    if text is None or text == "live":
        return text
    try:
        return read_instant(text)
    except ValueError as error:
        raise InvalidRequest(f"/clock: {error}, or live.") from None


def _world_json(request: ControlRequest, world: World) -> dict[str, object]:
    origin = request.runtime.address or request.origin
    return _summary(request.runtime, origin, world)


def _summary(runtime: WorldRuntime, origin: str, world: World) -> dict[str, object]:
    config, ledger = world.config, world.ledger
    counts: Any = {status.value: count for status, count in ledger.payments.counts.items()}
    name = {} if config.name is None else {"name": config.name}
    filling = runtime.fillings.get(world)
    return {
        "api_key": config.api_key,
        **name,
        "base_url": f"{origin}/v3",
        "sandbox_url": f"{origin}/_sandbox",
        "webhook_secret": config.webhook_secret,
        "seed": config.seed,
        "created_at": show_milliseconds(config.made_at),
        "clock": clock.clock_json(world),
        "rate_limit": rate_limit.rate_limit_json(world),
        "payments": counts,
        **({} if filling is None else {"filling": filling._asdict()}),
        "refunds": ledger.refunds,
        "chargebacks": ledger.chargebacks,
        "events": len(ledger.event_numbers),
        "requests": {"kept": len(world.journal), "dropped": world.journal.dropped},
        "restarted": runtime.worlds.restart_reason(config.api_key),
    }
