"""Tests held calls: nothing happens until they are decided, released or given up."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest

from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import AssembledServer
from payments_sandbox.server.held_calls import OF_NO_WORLD, PendingCall
from payments_sandbox.world.world import World
from tests.support.http import Api, Control, ask, envelope, hold_a_create, listed, paid, until
from tests.support.values import AUTHORIZED, HOLD, LONGEST_WAIT

COMMITTED_500 = {"respond": {"error": "internal_error", "commit": True}}


@pytest.fixture
def settings() -> Settings:
    """The settings of a sandbox that delays nothing except held calls."""
    return Settings(clock="2030-01-15T10:30:00Z", seed=7, max_wall_delay=0)


@pytest.fixture
async def held(api: Api, control: Control) -> "asyncio.Task[Any]":
    """A payment that is held, while its client waits."""
    return await hold_a_create(api, control)


def _home(sandbox: AssembledServer) -> World:
    [world] = sandbox.runtime.worlds
    return world


async def ended(task: "asyncio.Task[Any]") -> int | None:
    """Return the status that the client gets in the end, or None."""
    async with asyncio.timeout(LONGEST_WAIT):
        status: int | None = await task
        return status


async def the_held(control: Control) -> dict[str, Any]:
    """Return the one call that is held."""
    [found] = (await control("list_held_calls"))["data"]
    return dict(found)


async def decided(control: Control, step: object, status: int | None = None) -> dict[str, Any]:
    """Return the answer to a decision about the one call that is held."""
    held_id = (await the_held(control))["id"]
    answer = await control("decide_held_call", {"do": step}, status=status, held_id=held_id)
    return dict(answer)


async def journalled(control: Control) -> list[dict[str, Any]]:
    """Return the requests of the journal, oldest first."""
    return list(reversed((await control("list_requests"))["data"]))


async def test_a_held_call_is_listed_but_neither_executed_nor_journalled(
    api: Api, control: Control, held: "asyncio.Task[Any]"
) -> None:
    found = await the_held(control)
    assert (found["operation"], found["scenario"], found["rule"], found["step"]) == (
        "create_payment", "hold-next", "wait", 1,
    )  # fmt: skip
    assert found["request"]["body"]["payment_method"]["card_number"].startswith("*")
    assert found["request_id"] is None
    assert await journalled(control) == []
    assert (await control("retrieve_rate_limit"))["remaining"] == 999, "it counts on arrival"
    assert await listed(api) == []
    await decided(control, "pass")
    assert await ended(held) == 201


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("pass", (201, 1)),
        ({"respond": {"error": "card_declined"}}, (400, 1)),
        (COMMITTED_500, (500, 1)),
        ({"drop": {"commit": True}}, (None, 1)),
        ({"drop": {"commit": False}}, (None, 0)),
        ({"rate_limit": {"remaining": 0}}, (429, 0)),
        ({"delay": "1h", **COMMITTED_500}, (500, 1)),
        ({"delay": {"uniform": ["1h", "2h"]}}, (201, 1)),
    ],
    ids=str,
)
async def test_a_decision_can_be_any_step_and_takes_effect_before_its_reply(
    control: Control,
    held: "asyncio.Task[Any]",
    step: object,
    expected: tuple[int | None, int],
    sandbox: AssembledServer,
) -> None:
    """The step decides what the client gets, and whether there is a payment."""
    answer = await decided(control, step)
    payments = len(_home(sandbox).ledger.payments)
    assert (await ended(held), payments) == expected
    entry = await control("retrieve_request", request_id=answer["request_id"])
    assert (entry["rule"], entry["step"]) == ("wait", 1)
    assert entry["decided"] == ({"pass": True} if step == "pass" else step)
    assert (await control("list_held_calls"))["data"] == []


async def test_a_decision_can_extend_the_hold(control: Control, held: "asyncio.Task[Any]") -> None:
    before = await the_held(control)
    answer = await decided(control, {"hold": {"for": "1h"}})
    assert answer["id"] == before["id"]
    assert answer["until"] > before["until"]
    assert answer["request_id"] is None
    assert (await the_held(control)) == answer
    await decided(control, "pass")
    assert await ended(held) == 201


async def test_a_second_decision_about_a_held_call_is_409(
    control: Control, held: "asyncio.Task[Any]"
) -> None:
    held_id = (await decided(control, "pass"))["id"]
    late = await control("decide_held_call", {"do": "pass"}, status=409, held_id=held_id)
    assert late == envelope(
        "not_held",
        "It was decided, it timed out, its client disconnected, or its world was reset."
        " GET /_sandbox/held lists the calls that are held now.",
    )
    assert await ended(held) == 201


async def test_of_two_simultaneous_decisions_one_is_409(
    api: Api, control: Control, held: "asyncio.Task[Any]"
) -> None:
    path = f"/_sandbox/held/{(await the_held(control))['id']}"

    async def decide() -> int:
        async with api.post(path, json={"do": "pass"}) as reply:
            return reply.status

    assert sorted(await asyncio.gather(decide(), decide())) == [200, 409]
    assert await ended(held) == 201
    assert len(await listed(api)) == 1


@pytest.mark.parametrize("held_id", ["held_5e21c8", "held_0000000000000000"])
async def test_a_decision_about_an_unknown_id_is_404(
    control: Control, held: "asyncio.Task[Any]", held_id: str
) -> None:
    unknown = await control("decide_held_call", {"do": "pass"}, status=404, held_id=held_id)
    assert unknown["error"]["details"] == (
        "No such held call. GET /_sandbox/held lists what exists."
    )
    held.cancel()


@pytest.mark.parametrize(
    ("step", "path", "message"),
    [
        ({"respond": {"error": "refund_declined"}}, "/do/respond/error", "is not an error of"),
        ({"drop": {}}, "/do/drop", "'drop' needs 'commit'"),
        ({"dorp": {"commit": True}}, "/do/dorp", "unknown key 'dorp'"),
        ("drop", "/do/drop", "expected a mapping"),
    ],
    ids=str,
)
async def test_an_invalid_decision_is_rejected_with_the_lint_problem(
    control: Control, held: "asyncio.Task[Any]", step: object, path: str, message: str
) -> None:
    refused = await decided(control, step, status=400)
    [problem] = refused["problems"]
    assert problem["path"] == path
    assert message in problem["message"]
    assert await the_held(control), "it is held all the same"
    held.cancel()


async def test_a_decision_can_be_sent_as_yaml(
    api: Api, control: Control, held: "asyncio.Task[Any]"
) -> None:
    path = f"/_sandbox/held/{(await the_held(control))['id']}"
    yaml: Any = {"headers": {"Content-Type": "application/yaml"}}
    refused = await ask(api, "POST", path, 400, data="do: {drop: {commit: yes}}", **yaml)
    assert "yes" in refused["error"]["details"]
    other = await ask(api, "POST", path, 400, data="step: pass", **yaml)
    assert "/do: is required" in other["error"]["details"]
    await ask(api, "POST", path, data="do: {respond: {error: internal_error}}", **yaml)
    assert await ended(held) == 500


async def test_a_decision_with_times_is_rejected(
    control: Control, held: "asyncio.Task[Any]"
) -> None:
    refused = await decided(control, {"times": 3, **COMMITTED_500}, status=400)
    assert refused["error"]["details"] == (
        "/do/times: not allowed here; the step answers one call."
    )
    held.cancel()


async def test_a_held_call_continues_normally_when_its_hold_expires(
    api: Api, control: Control
) -> None:
    """`--max-wall-delay` does not shorten a hold."""
    steps = [{"hold": {"for": "1ms"}, "times": 2}]
    await control("add_active_scenario", {**HOLD, "rules": [{"request": "*", "do": steps}]})
    payment = await paid(api)
    assert await ask(api, "GET", f"/v3/payments/{payment['id']}")
    create, retrieve = await journalled(control)
    assert [create["committed"], retrieve["committed"]] == [True, None]
    assert (create["rule"], "decided" in create) == ("rule-1", False)


async def test_a_released_call_has_the_effect_of_its_magic_card(
    api: Api, control: Control, sandbox: AssembledServer
) -> None:
    await control("add_active_scenario", HOLD)
    task = asyncio.create_task(paid(api, 400, card_number="4000000000000002"))
    await until(api, lambda: sandbox.runtime.held_calls.in_world(_home(sandbox)) != [])
    await decided(control, "pass")
    assert (await task)["error"]["code"] == "card_declined"


async def test_a_held_call_whose_client_left_is_journalled_before_its_next_call(
    api: Api, control: Control, held: "asyncio.Task[Any]"
) -> None:
    """Otherwise a retry would appear before the call that it repeats."""
    held.cancel()
    with suppress(asyncio.CancelledError):
        await held
    await paid(api)
    first, second = await journalled(control)
    assert (first["fault"], first["committed"], first["rule"]) == ("abandoned", False, "wait")
    assert (second["fault"], second["committed"], second["rule"]) == (None, True, None)
    assert first["duration_ms"] is not None
    assert (await control("list_held_calls"))["data"] == []


async def test_a_disconnected_client_of_a_held_call_is_noticed_without_another_call(
    api: Api, control: Control, held: "asyncio.Task[Any]", sandbox: AssembledServer
) -> None:
    held.cancel()
    await until(api, lambda: len(_home(sandbox).journal) == 1)
    [entry] = await journalled(control)
    assert (entry["fault"], entry["response"]) == ("abandoned", None)


async def test_an_abandoned_held_read_has_no_committed(
    api: Api, control: Control, sandbox: AssembledServer
) -> None:
    rule = {"request": "list_payments", "do": HOLD["rules"][0]["do"]}
    await control("add_active_scenario", {**HOLD, "rules": [rule]})
    task = asyncio.create_task(listed(api))
    await until(api, lambda: sandbox.runtime.held_calls.in_world(_home(sandbox)) != [])
    task.cancel()
    await until(api, lambda: len(_home(sandbox).journal) == 1)
    [entry] = await journalled(control)
    assert entry["committed"] is None


@pytest.mark.parametrize("route", ["reset_world", "delete_world", "restore_snapshot"])
async def test_resetting_dropping_or_restoring_a_world_ends_its_held_calls(
    api: Api, control: Control, held: "asyncio.Task[Any]", route: str
) -> None:
    """Without a reply, a payment or a journal entry."""
    snapshot = await control("retrieve_snapshot") if route == "restore_snapshot" else None
    await control(route, snapshot)
    assert await ended(held) is None
    assert await journalled(control) == []
    assert await listed(api) == []
    assert (await control("list_held_calls"))["data"] == []


async def test_a_decision_during_the_reset_of_its_world_is_409(
    api: Api, control: Control, held: "asyncio.Task[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PendingCall, "decide", lambda pending, *_: pending.end_wait(OF_NO_WORLD))
    late = await decided(control, "pass", status=409)
    assert late["error"]["code"] == "not_held"
    assert await ended(held) is None
    assert (await journalled(control), await listed(api)) == ([], [])


async def test_changing_other_scenarios_does_not_release_a_held_call(
    control: Control, held: "asyncio.Task[Any]"
) -> None:
    await control("add_active_scenario", {**HOLD, "scenario": "another"})
    await control("remove_active_scenarios", query={"name": "another"})
    assert (await the_held(control))["scenario"] == "hold-next"
    await control("remove_active_scenarios", query={"name": "hold-next"})
    assert await ended(held) == 201, "nothing holds it any more"


async def test_a_stopping_server_abandons_its_held_calls(
    held: "asyncio.Task[Any]", sandbox: AssembledServer
) -> None:
    """A saved state has it as not committed."""
    world = _home(sandbox)
    sandbox.runtime.stop()
    assert await ended(held) is None
    [entry] = world.journal.since(0)
    assert (entry.fault, entry.committed) == ("abandoned", False)


async def test_a_held_call_uses_its_step_on_arrival(
    api: Api, control: Control, held: "asyncio.Task[Any]"
) -> None:
    """So a retry gets the next step."""
    await paid(api)
    await decided(control, "pass")
    assert await ended(held) == 201
    assert len(await listed(api)) == 2


async def test_webhooks_of_a_held_call_are_sent_after_its_decision(
    api: Api, control: Control, held: "asyncio.Task[Any]"
) -> None:
    await control("create_webhook_endpoint", {"url": "inbox:orders"})
    await decided(control, {"drop": {"commit": True}})
    await ended(held)
    page = await ask(api, "GET", "/_sandbox/inbox/orders?wait=5s")
    assert [each["body"]["type"] for each in page["data"]] == ["payment.completed"]


async def test_a_decision_becomes_a_step_of_an_exported_scenario(
    control: Control, held: "asyncio.Task[Any]"
) -> None:
    patch = {"patch": {"status": "pending"}}
    request_id = (await decided(control, patch))["request_id"]
    await ended(held)
    written = await control("write_scenario", {"requests": [request_id]})
    [rule] = written["scenario"]["rules"]
    assert rule["do"] == [patch]


async def test_a_snapshot_has_decisions_but_no_held_calls(
    control: Control, held: "asyncio.Task[Any]"
) -> None:
    before = await control("retrieve_snapshot")
    assert before["journal"]["entries"] == []
    await decided(control, COMMITTED_500)
    await ended(held)
    await control("restore_snapshot", await control("retrieve_snapshot"))
    [entry] = await journalled(control)
    assert entry["decided"] == COMMITTED_500


async def test_the_event_stream_sends_the_held_calls_whenever_they_change(
    api: Api, control: Control, held: "asyncio.Task[Any]"
) -> None:
    """And to a reader who connects later."""
    async with api.get("/_sandbox/stream", headers=AUTHORIZED) as stream:
        first = await _message(stream)
        assert first["event"] == "held"
        assert json.loads(first["data"]) == [await the_held(control)]
        await decided(control, "pass")
        found: dict[str, str] = {}
        while "request" not in found or found.get("held") != "[]":
            message = await _message(stream)
            found[message["event"]] = message["data"]
    assert await ended(held) == 201


async def _message(stream: Any) -> dict[str, str]:  # noqa: ANN401 - aiohttp's response
    """Return the next message that has data."""
    async with asyncio.timeout(LONGEST_WAIT):
        while True:
            text = (await stream.content.readuntil(b"\n\n")).decode()
            fields = dict(line.split(": ", 1) for line in text.strip().splitlines())
            if "data" in fields:
                return fields
