"""Tests that long work is done in slices, so that other requests are served."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from payments_sandbox.core.settings import Settings
from payments_sandbox.core.slices import SLICE
from payments_sandbox.server.factory import AssembledServer
from tests.support.http import Api, Control, Json, ask, bearer

T = TypeVar("T")

COUNT = 20 * SLICE
LOST = {"scenario": "lost", "rules": [{"request": "create_payment", "do": ["pass"]}]}


@pytest.fixture
def count() -> int:
    """How many payments worlds start with."""
    return COUNT


@pytest.fixture
def settings(tmp_path: Path, count: int) -> Settings:
    """The settings of a server whose worlds all start with payments."""
    file = tmp_path / "many.yaml"
    file.write_text(f"scenario: many\ngiven: {{generate: {{payments: {count}}}}}\n")
    return Settings(clock="2030-01-15T10:30:00Z", seed=7, scenarios=(file,))


@pytest.fixture
async def control(control: Control) -> Control:
    """The control API, with its lazily imported parts loaded."""
    await control("retrieve_world")
    return control


async def served_until(api: Api, *others: "asyncio.Future[Json]") -> int:
    """Return how many requests were answered before these were."""
    served = 0
    while not all(each.done() for each in others):
        await ask(api, "GET", "/_sandbox/live")
        served += 1
    return served


@pytest.mark.parametrize("path", ["/v3/payments?limit=1", "/_sandbox/world"])
async def test_other_requests_are_served_while_the_world_of_a_new_key_is_made(
    api: Api, control: Control, path: str
) -> None:
    """By either API."""
    key = "sk_test_new"
    use = asyncio.ensure_future(ask(api, "GET", path, headers=bearer(key)))
    assert await served_until(api, use) > 3
    world = await control("retrieve_world", key=key)
    assert sum(world["payments"].values()) == COUNT


async def test_other_requests_are_served_while_the_home_world_restarts(
    api: Api, control: Control
) -> None:
    """Those for the home world wait until it is ready."""
    dropping = asyncio.ensure_future(control("delete_world"))
    showing = asyncio.ensure_future(control("retrieve_world"))
    assert await served_until(api, dropping, showing) > 3
    assert sum(showing.result()["payments"].values()) == COUNT


@pytest.mark.parametrize("count", [1], ids=str)
@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("list_scenarios", None),
        ("create_world", {"scenarios": [LOST]}),
        ("put_active_scenarios", [LOST]),
        ("add_active_scenario", LOST),
        ("check_scenario", LOST),
        ("seed_world", {"payments": 1}),
        ("restore_snapshot", None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_scenarios_are_parsed_in_a_thread_instead_of_the_event_loop(
    control: Control,
    sandbox: AssembledServer,
    monkeypatch: pytest.MonkeyPatch,
    route: str,
    body: Json,
) -> None:
    """The first use also imports the scenario language there."""
    beside: list[object] = []
    run_beside = sandbox.runtime.run_beside

    async def noted(work: Callable[[], T]) -> T:
        beside.append(work)
        return await run_beside(work)

    if route == "restore_snapshot":
        body = await control("retrieve_snapshot")
    monkeypatch.setattr(sandbox.runtime, "run_beside", noted)
    await control(route, body)
    first = len(beside)
    await control(route, body, key="sk_test_other")

    assert first == len(beside) - first + 1 >= 2
