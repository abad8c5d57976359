"""Every action of event and timed rules does what its entry promises."""

import json
from typing import Any

import pytest

from payments_sandbox.contract.representations import payment_event_data
from payments_sandbox.core.errors import IllegalMove
from payments_sandbox.core.instants import MINUTE, Instant
from payments_sandbox.core.resources import data_files
from payments_sandbox.rules.action import Action, ActionTarget
from payments_sandbox.rules.actions import ACTIONS, Complete, Emit, parse_action
from payments_sandbox.rules.outcomes import MoveRateLimit
from payments_sandbox.scenarios.loader import load_value
from payments_sandbox.world.timeline import ActOnPayment, Timeline
from tests.support.in_process import NOON, InProcessApi, new_world
from tests.support.tables import for_each
from tests.support.values import documented_create

CASES = [(kind, value) for kind in ACTIONS for value in kind.EXAMPLES]
PENDING = "4000009900000038"


def named(value: object) -> str:
    """Return the id of a case: the name of an action."""
    return value.name if isinstance(value, type) and issubclass(value, Action) else str(value)


def target_of(desk: InProcessApi, number: int | None = 0) -> ActionTarget:
    """Return an action target: a payment of a world, at noon."""
    return ActionTarget(desk.world.ledger, desk.world.limiter, number, NOON, payment_event_data)


def test_schemas_of_actions_are_in_the_shipped_schema() -> None:
    """`make generate` writes them into the file."""
    shipped = json.loads(data_files("schemas")["scenario.schema.json"])["$defs"]
    actions = shipped["action_mapping"]["properties"]

    assert list(actions) == [kind.name for kind in ACTIONS]
    for kind in ACTIONS:
        assert kind.SCHEMA in (actions[kind.name], shipped.get(kind.name))


@for_each(("kind", "value"), CASES)
def test_an_example_passes_schema_and_lint(kind: type[Action], value: object) -> None:
    rule = {"at": "1h", "when": {"amount": 5}, "do": {kind.name: value}}
    loaded = load_value({"scenario": "s", "rules": [rule]})

    assert [each.message for each in loaded.problems] == []


@for_each(("kind", "value"), CASES)
def test_a_written_action_parses_to_the_same_action(kind: type[Action], value: Any) -> None:  # noqa: ANN401 - as JSON has it
    action = kind.parse(value)

    assert parse_action(action.source()) == action
    assert action.source() == {kind.name: value}


@for_each(("kind", "value"), CASES)
def test_an_action_survives_a_snapshot_of_the_timeline(kind: type[Action], value: Any) -> None:  # noqa: ANN401 - as JSON has it
    timeline, twin = Timeline(), Timeline()
    job = ActOnPayment(0, kind.parse(value), "s/r")
    timeline.plan(Instant(5), job)
    twin.restore(**timeline.snapshot())  # type: ignore[arg-type]  # JSON

    assert twin.pop() == (Instant(5), job)


@for_each(("kind", "value"), CASES)
def test_an_action_creates_the_event_that_it_describes(kind: type[Action], value: Any) -> None:  # noqa: ANN401 - as JSON has it
    card = PENDING if kind.name in ("complete", "fail") else "4111111111111111"
    desk = InProcessApi(new_world())
    desk.ask("create_payment", documented_create(card_number=card))
    before = desk.world.ledger.events
    action = kind.parse(value)
    action.act(target_of(desk))
    made = [desk.world.ledger.any_event(n).type for n in range(before, desk.world.ledger.events)]

    assert [str(each) for each in made] == [action.describes] * (kind is not MoveRateLimit)


def test_action_names_are_unique_and_every_action_has_an_example() -> None:
    assert len({kind.name for kind in ACTIONS}) == len(ACTIONS)
    assert [kind.name for kind in ACTIONS if not kind.EXAMPLES] == []


@pytest.mark.parametrize("kind", [each for each in ACTIONS if each.payment_move], ids=named)
def test_an_action_on_a_payment_raises_without_one(kind: type[Action]) -> None:
    with pytest.raises(IllegalMove, match="not about a payment"):
        kind.parse(kind.EXAMPLES[0]).act(target_of(InProcessApi(new_world()), None))


def test_emit_without_data_and_payment_raises() -> None:
    with pytest.raises(IllegalMove, match="no payment to describe"):
        Emit("payment.completed").act(target_of(InProcessApi(new_world()), None))


def test_rate_limit_changes_limit_and_window_of_the_world() -> None:
    desk = InProcessApi(new_world())
    MoveRateLimit(limit=5, window=MINUTE).act(target_of(desk, None))

    assert (desk.world.limiter.limit, desk.world.limiter.window) == (5, "window")


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (
            Emit("made.up"),
            "'made.up' is not a documented event, so its data cannot come from a payment",
        ),
        (Emit("made.up", {}), None),
        (Emit("payment.failed"), None),
        (Complete(), None),
    ],
    ids=str,
)
def test_emit_without_data_accepts_only_documented_events(
    action: Action, message: str | None
) -> None:
    found = action.problem()

    assert (found and found.message) == message


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (Emit("payment.failed"), "'emit' has no payment to describe"),
        (Emit("payment.failed", {}), None),
        (Complete(), "'complete' needs a payment, and nothing selects one"),
        (MoveRateLimit(0), None),
    ],
    ids=str,
)
def test_an_action_that_needs_a_payment_says_why(action: Action, message: str | None) -> None:
    found = action.problem_without_payment()

    assert (found and found.message) == message
