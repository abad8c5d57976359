"""Owns how a world is made of what is kept of it: effects, and the entries of its journal."""

from collections.abc import Iterable
from typing import Any, Final

import orjson

from payments_sandbox.cluster.store import StoredWorld
from payments_sandbox.core.instants import Instant
from payments_sandbox.server.slices import run_in_slices
from payments_sandbox.server.world_runtime import WorldRuntime
from payments_sandbox.world.effects import folded
from payments_sandbox.world.journal import entry_of
from payments_sandbox.world.snapshot import restoring
from payments_sandbox.world.world import World

TIMED: Final = "number", "duration_ms"
"""What is kept beside an entry whose reply has left when it was kept; its row is longer."""


async def world_of(runtime: WorldRuntime, key: str, stored: StoredWorld) -> World:
    """The world that is kept.

    Args:
        runtime: what worlds are made from; the world is not one of its yet.
        key: its API key.
        stored: what is kept of it, which is something.
    """
    kept = folded(map(orjson.loads, stored.effects))
    kept["journal"]["entries"] = entries_of(stored.entries)
    if kept["rules"]["scenarios"]:
        await runtime.run_beside(_import_language)
    made_at = Instant(kept["made_at"])
    context = runtime.worlds.context
    restored = restoring(kept, api_key=key, made_at=made_at, context=context, is_masked=True)
    world = await run_in_slices(restored)
    world.used_at = context.wall()
    return world


def entries_of(stored: Iterable[bytes]) -> list[dict[str, Any]]:
    """The entries of a journal as a snapshot has them, of what was written of it in any order."""
    entries: dict[int, dict[str, Any]] = {}
    durations: dict[int, float] = {}
    for row in map(orjson.loads, stored):
        if len(row) == len(TIMED):
            durations[row[0]] = row[1]
        else:
            entries[row[0]] = entry_of(row)
    for number in entries.keys() & durations.keys():
        entries[number]["duration_ms"] = durations[number]
    return [entries[number] for number in sorted(entries)]


def _import_language() -> None:
    """Import what reads the scenarios of a world."""
    import payments_sandbox.scenarios.loader  # noqa: F401, PLC0415 - few worlds have any
