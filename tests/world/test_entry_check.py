"""Tests that an impossible journal entry in a snapshot is rejected, or does no harm later."""

import json
from contextlib import suppress
from itertools import cycle
from typing import Any, Final

import orjson
import pytest

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.rules.faults.fault import ABANDONED
from payments_sandbox.scenarios.journal_export import scenario_from_journal
from payments_sandbox.server.journal_json import entry_json
from payments_sandbox.verification.observed import observe
from payments_sandbox.verification.report import report
from payments_sandbox.world.entry_check import check_row
from payments_sandbox.world.world import World
from tests.support.in_process import InProcessApi, all_outputs, new_world, restored_world, snapshot
from tests.support.tables import for_each
from tests.support.values import documented_create, documented_refund, with_value


def used() -> dict[str, Any]:
    """Return the snapshot of a world with successful and failed calls."""
    desk = InProcessApi(new_world())
    desk.ask("create_payment", documented_create())
    payment_id = desk.world.ledger.payments.id_of(0)
    desk.ask("create_refund", documented_refund(), payment_id=payment_id)
    desk.ask("create_payment", documented_create(amount="x"))
    kept: dict[str, Any] = json.loads(json.dumps(snapshot(desk.world)))
    return kept


KEPT: Final = used()
ENTRIES: Final = KEPT["journal"]["entries"]
LARGE: Final = 10**30
"""What nobody writes, and no reader of ours gives."""

NONSENSE: Final[tuple[object, ...]] = (
    None, True, 5, -1, 1.5, LARGE, "nonsense", "", [], [1], {}, {"a": 1}, ["x"],
    {"drop": 7}, {"hold": {"for": "x"}}, {"respond": {"error": "nonsense"}},
)  # fmt: skip
ANY_JSON: Final = frozenset({"body"})


def read_all(world: World) -> None:
    """Read the journal in every way that the product does."""
    entries = list(world.journal.since(0))
    assert orjson.dumps([entry_json(world, each) for each in entries])
    assert orjson.dumps(snapshot(world))
    assert report(observe(world))
    assert all_outputs(world)
    ids = [world.journal.id_of(each) for each in entries]
    with suppress(InvalidRequest):  # one that is of no operation
        scenario_from_journal(world, ids, "exported")


@for_each("field", ENTRIES[0])
def test_nonsense_in_a_journal_entry_is_rejected_or_harmless(field: str) -> None:
    """Anybody can seal a snapshot. Each value is in one entry here, in all at night."""
    for value, place in zip(nonsense_of(field), cycle(range(len(ENTRIES))), strict=False):
        hold_harmless(field, place, value)


def nonsense_of(field: str) -> list[object]:
    """Return the values to put in a field: bodies may be any JSON that can be written."""
    return [each for each in NONSENSE if field not in ANY_JSON or each != LARGE]


def hold_harmless(field: str, place: int, value: object) -> None:
    """Assert that a value in an entry is rejected, or that the journal can be read with it."""
    kept = with_value(KEPT, ("journal", "entries", place, field), value)
    if (why := refusal_of(kept)) is None:
        read_all(restored_world(kept))
    else:
        assert why.startswith("/journal: expected this part as GET world/snapshot gave it")


@pytest.mark.parametrize(
    ("field", "taken", "refused"),
    [("status", (100, 999), (99, 1_000)), ("duration_ms", (0, 0.5), (-0.5,))],
)
def test_a_number_in_a_journal_entry_beyond_its_bounds_is_rejected(
    field: str, taken: tuple[float, ...], refused: tuple[float, ...]
) -> None:
    path = ("journal", "entries", 0, field)
    assert [refusal_of(with_value(KEPT, path, each)) for each in taken] == [None] * len(taken)
    assert None not in [refusal_of(with_value(KEPT, path, each)) for each in refused]


def refusal_of(kept: dict[str, Any]) -> str | None:
    """Return why a snapshot is rejected, or None."""
    try:
        restored_world(kept)
    except InvalidRequest as error:
        return error.details
    return None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("fault", "drop"),
        ("fault", ABANDONED),
        ("decided", {"drop": {"commit": True, "how": "reset"}}),
        ("duration_ms", 1.5),
        ("duration_ms", 1),
        ("connection", 4711),
        ("operation", None),
        ("status", None),
    ],
)
def test_valid_values_of_a_journal_entry_are_restored(field: str, value: object) -> None:
    world = restored_world(with_value(KEPT, ("journal", "entries", 2, field), value))

    [*_, last] = world.journal.since(0)
    assert getattr(last, field) == value


def test_a_journal_entry_with_a_decision_but_no_operation_is_rejected() -> None:
    with pytest.raises(ValueError, match="nobody decides"):
        check_row(ENTRIES[0] | {"operation": None, "decided": {"pass": True}})


def test_a_missing_field_of_a_journal_entry_raises_key_error() -> None:
    for field in set(ENTRIES[0]) - {"body", "headers", "reply_headers", "reply_body", "considered"}:
        with pytest.raises(KeyError, match=field):
            check_row({name: value for name, value in ENTRIES[0].items() if name != field})
