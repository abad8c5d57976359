"""Owns effects: what has changed in a world since the last look, as plain values.

A cluster stores effects, so that another process can continue a world.

Theory of operation:

1. Calls contain card numbers, so they are not stored to be replayed. Their effects are.
2. `WorldEffects.taking` returns an effect: the small parts of a snapshot that have changed
   (`whole`), and the changed rows of the larger parts (`rows`). The first effect has all parts, so
   it is a snapshot without the journal, which is stored separately (`Journal.take_changes`).
3. Each larger part records its changes once `take_changes` has been called. That returns None if
   everything may have changed: at the first call, and after a reset.
4. `fold_effects` combines effects, in their order, into the snapshot that the world would give now.
5. An effect shows the world at one instant, even if a large one is made in slices.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from payments_sandbox.core.slices import Slices
from payments_sandbox.rules.active_rule import COUNTERS_KEPT
from payments_sandbox.webhooks import snapshot as webhooks_snapshot
from payments_sandbox.webhooks.inbox import KEPT as MESSAGES_KEPT
from payments_sandbox.webhooks.outbox import KEPT as DELIVERIES_KEPT
from payments_sandbox.world.snapshot import small_parts
from payments_sandbox.world.world import World

Effect = dict[str, dict[str, Any]]
"""`whole`: complete parts by their names in a snapshot; `rows`: the changes of other parts."""


class WorldEffects:
    """Tracks what has changed in one world since the last effect.

    Args:
        world: the world.
        is_kept: whether the present state has been stored already, so that the first effect has
            only what changes from now on.
    """

    __slots__ = ("_reported", "_world")

    def __init__(self, world: World, *, is_kept: bool = False) -> None:
        self._world = world
        self._reported: dict[str, object] = {}
        if is_kept:
            for _ in self._take_changes():
                pass
            world.journal.mark_reported()
            self._reported = self._small_parts() | {"webhooks": world.webhooks is not None}

    def taking(self, *, everything: bool = False) -> Slices[Effect]:
        """Return what has changed since the last call, or `everything`, in slices."""
        world, small = self._world, self._small_parts()
        whole = {
            name: value
            for name, value in small.items()
            if everything or name not in self._reported or self._reported[name] != value
        }
        rows: dict[str, Any] = {}
        has_webhooks = world.webhooks is not None
        if not has_webhooks and (everything or self._reported.get("webhooks") is not False):
            whole["webhooks"] = None
        is_ledger_whole = False
        for name, changes in self._take_changes():
            if not everything and changes is not None:
                if changes:
                    rows[name] = changes
            elif name == "ledger":
                is_ledger_whole = True
            else:
                whole[name] = self._snapshot_part(name)
        self._reported = small | {"webhooks": has_webhooks}
        if is_ledger_whole:  # last, since it may take more than one slice
            whole["ledger"] = yield from world.ledger.snapshotting()
        return {"whole": whole, "rows": rows}

    def _small_parts(self) -> dict[str, object]:
        world = self._world
        return {
            **small_parts(world),
            "made_at": world.config.made_at,
            "used_at": world.used_at,
            "journal": {"count": world.journal.count, "entries": []},
        }

    def _take_changes(self) -> Iterator[tuple[str, dict[str, Any] | None]]:
        """Yield the name of each larger part in a snapshot, and its changes."""
        world = self._world
        yield "timeline", world.timeline.take_changes()
        yield "pending_reads", world.pending_reads.take_changes()
        yield "rules", world.rules.take_changes()
        if world.webhooks is not None:
            yield "webhooks", webhooks_snapshot.take_changes(world.webhooks)
        yield "ledger", world.ledger.take_changes()

    def _snapshot_part(self, name: str) -> object:
        world = self._world
        if name == "webhooks" and world.webhooks is not None:
            return webhooks_snapshot.snapshot(world.webhooks)
        part: Any = getattr(world, name)
        return part.snapshot()


def fold_effects(effects: Iterable[Effect]) -> dict[str, Any]:
    """Combine effects into a snapshot, which also has `made_at` and `used_at`.

    The first effect must have all parts.
    """
    snapshot: dict[str, Any] = {}
    for effect in effects:
        snapshot |= {name: _index_rows(name, value) for name, value in effect["whole"].items()}
        for name, rows in effect["rows"].items():
            _FOLDS[name](snapshot[name], rows)
    return {name: _list_rows(name, value) for name, value in snapshot.items()}


def _index_rows(name: str, value: Any) -> Any:  # noqa: ANN401 - a part of a snapshot
    """Index the rows of a part by number, while effects are combined."""
    if name == "timeline":
        return {**value, "due": {row[1]: row for row in value["due"]}}
    if name == "webhooks" and value is not None:
        deliveries = {row[0]: row for row in value["deliveries"]}
        inboxes = {row[0]: row for row in value["inboxes"]}
        return {**value, "deliveries": deliveries, "inboxes": inboxes}
    return value


def _list_rows(name: str, value: Any) -> Any:  # noqa: ANN401 - a part of a snapshot
    """Turn a part back into the form that it has in a snapshot."""
    if name == "timeline":
        return {**value, "due": sorted(value["due"].values(), key=lambda row: row[:2])}
    if name == "webhooks" and value is not None:
        deliveries, inboxes = value["deliveries"].values(), value["inboxes"].values()
        return {**value, "deliveries": list(deliveries), "inboxes": list(inboxes)}
    return value


def _fold_timeline(part: dict[str, Any], rows: Mapping[str, Any]) -> None:
    part["ticket"] = rows["ticket"]
    for ticket in rows["gone"]:
        part["due"].pop(ticket, None)
    part["due"] |= {row[1]: row for row in rows["due"]}


def _fold_pending_reads(part: dict[str, Any], rows: Mapping[str, Any]) -> None:
    for payment, row in rows.items():
        part.pop(payment, None)
        if row is not None:
            part[payment] = row


def _fold_rules(part: dict[str, Any], rows: Mapping[str, Any]) -> None:
    counters = part["counters"]
    for name, count in rows["counters"]:
        counters.pop(name, None)  # the least recently used is first
        counters[name] = count
    while len(counters) > COUNTERS_KEPT:
        del counters[next(iter(counters))]
    for position, tally in rows["tallies"]:
        part["tallies"][position] = tally


def _fold_ledger(part: dict[str, Any], rows: Mapping[str, Any]) -> None:
    payments, first = part["payments"], part["first"]
    for number, row in rows["payments"]:
        payments[number - first : number - first + 1] = [row]
    for name in ("names", "refunds", "chargebacks", "events"):
        part[name] += rows[name]


def _fold_webhooks(part: dict[str, Any], rows: Mapping[str, Any]) -> None:
    part |= rows["counts"]
    if rows["endpoints"] is not None:
        part["endpoints"] = rows["endpoints"]
    deliveries, finished = part["deliveries"], part["finished"]
    deliveries |= {row[0]: row for row in rows["deliveries"]}
    finished += rows["ended"]
    for number in finished[:-DELIVERIES_KEPT]:
        deliveries.pop(number, None)
    del finished[:-DELIVERIES_KEPT]
    inboxes = part["inboxes"]
    for name in rows["gone"]:
        inboxes.pop(name, None)
    for name, count, answers, messages in rows["inboxes"]:
        before = inboxes[name][3] if name in inboxes else []
        inboxes[name] = [name, count, answers, (before + messages)[-MESSAGES_KEPT:]]


_FOLDS: Final = {
    "timeline": _fold_timeline,
    "pending_reads": _fold_pending_reads,
    "rules": _fold_rules,
    "ledger": _fold_ledger,
    "webhooks": _fold_webhooks,
}
