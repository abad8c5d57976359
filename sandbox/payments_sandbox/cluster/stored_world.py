"""Owns how a world is restored from what is stored: its effects, and the parts of its journal."""

import orjson

from payments_sandbox.cluster.journal_parts import entries_of
from payments_sandbox.cluster.places import UnreadableWorldError
from payments_sandbox.cluster.store import StoredWorld
from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.instants import Instant
from payments_sandbox.server.slices import run_in_slices
from payments_sandbox.server.world_runtime import WorldRuntime
from payments_sandbox.world.effects import fold_effects
from payments_sandbox.world.snapshot import MALFORMED, has_scenarios, restoring
from payments_sandbox.world.world import World


async def world_of(runtime: WorldRuntime, key: str, stored: StoredWorld) -> World:
    """Restore a world.

    Args:
        runtime: provides what worlds are made from; the world is not yet one of its worlds.
        key: its API key.
        stored: what is stored of it; not empty.

    Raises:
        UnreadableWorldError: it is of another version, or not a world.
    """
    try:
        return await _made(runtime, key, stored)
    except (*MALFORMED, InvalidRequest) as error:
        raise UnreadableWorldError(key, error) from error


async def _made(runtime: WorldRuntime, key: str, stored: StoredWorld) -> World:
    snapshot = fold_effects(map(orjson.loads, stored.effects))
    snapshot["journal"]["entries"] = entries_of(stored.journal)
    if has_scenarios(snapshot):
        await runtime.import_language()
    made_at = Instant(snapshot["made_at"])
    context = runtime.worlds.context
    restored = restoring(snapshot, api_key=key, made_at=made_at, context=context, is_masked=True)
    world = await run_in_slices(restored)
    world.used_at = context.wall()
    return world
