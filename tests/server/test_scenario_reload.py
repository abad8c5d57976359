"""Tests scenario files that are edited while the server runs."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from aiohttp import ServerDisconnectedError

from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import AssembledServer
from payments_sandbox.server.scenario_reload import ScenarioReloader
from payments_sandbox.world.world import World
from tests.support.http import Api, Control, ask, bearer, until
from tests.support.in_process import scenario_of
from tests.support.values import documented_create

DOWN = """\
scenario: down
clock: 2030-01-15T10:30:00Z
given: {payments: [{id: pay_old, amount: 1200, currency: EUR}]}
rules:
  - request: create_payment
    do: [{respond: {error: internal_error}}]
  - {at: 1h, do: {rate_limit: {remaining: 0}}}
"""
LATER = DOWN.replace("internal_error", "card_declined").replace("1h", "2h").replace("1200", "900")


Edit = Callable[[str | None], None]
Logged = Callable[[], list[str]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file that is edited."""
    file = tmp_path / "down.yaml"
    file.write_text(DOWN, encoding="utf-8")
    return file


@pytest.fixture
def settings(file: Path) -> Settings:
    """The settings with which every world starts with the file's scenario."""
    return Settings(scenarios=(file,), seed=7, max_wall_delay=60_000)


@pytest.fixture
def edit(sandbox: AssembledServer, file: Path) -> Edit:
    """Return a function that writes or removes the file, and reloads it."""
    reloader = ScenarioReloader(sandbox.settings, sandbox.runtime)

    def edit(text: str | None) -> None:
        if text is None:
            file.unlink()
        else:
            file.write_text(text, encoding="utf-8")
        reloader.reload(["down"])

    return edit


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture, file: Path) -> Logged:
    """Return a function for what was logged about scenarios."""
    caplog.set_level(logging.INFO, "payments_sandbox.server.scenario_reload")
    return lambda: [line.replace(str(file), "FILE") for line in caplog.messages]


async def pay(api: Api, status: int, key: str | None = None) -> Any:  # noqa: ANN401 - JSON
    """Create a payment."""
    headers = {} if key is None else bearer(key)
    return await ask(api, "POST", "/v3/payments", status, json=documented_create(), headers=headers)


async def test_an_edited_scenario_restarts_in_its_worlds(
    api: Api, world: World, edit: Edit
) -> None:
    """Its counts are at zero and its offsets count from now; the world itself continues."""
    await pay(api, 500)
    await pay(api, 201)
    edit(LATER)

    await pay(api, 400)
    assert [each.what for each in world.upcoming(5)] == ["rule down/rule-2"]
    assert world.timeline.next_due == world.clock.now() + 7_200_000
    assert (await ask(api, "GET", "/v3/payments/pay_old"))["amount"] == 1200


async def test_new_worlds_start_with_the_edited_scenario(api: Api, edit: Edit) -> None:
    edit(LATER)
    await pay(api, 400, "sk_test_new")
    shown = await ask(api, "GET", "/v3/payments/pay_old", headers=bearer("sk_test_new"))
    assert shown["amount"] == 900


async def test_a_scenario_sent_over_http_is_not_reloaded_from_a_file_of_its_name(
    control: Control, world: World, edit: Edit
) -> None:
    sent = {"scenario": "down", "expect": [{"audit": "clean"}]}
    await control("put_active_scenarios", [sent])
    edit(LATER)

    assert [each.source for each in world.rules.scenarios] == [sent]


async def test_reloading_a_scenario_ends_its_hanging_requests(
    api: Api, sandbox: AssembledServer, edit: Edit
) -> None:
    """As removing it does."""
    edit(DOWN.replace("respond: {error: internal_error}", "hang: {commit: false}"))
    hanging = asyncio.ensure_future(pay(api, 201))
    await until(api, lambda: len(sandbox.runtime.delayed_replies) == 1)
    edit(LATER)
    with pytest.raises(ServerDisconnectedError):
        await hanging


WRONG = DOWN.replace("do: [{respond", "dont: [{respond")
WRONG_LINES = [
    """\
    FILE:6:5: unknown key 'dont'; did you mean 'do'?
            dont: [{respond: {error: internal_error}}]
            ^""",
    "down has 1 problem in 1 file; it was not reloaded",
]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (WRONG, WRONG_LINES),
        (None, ["cannot read the file of down; it was not reloaded"]),
        (DOWN, []),
        (f"{DOWN}# a comment\n", []),
    ],
    ids=["wrong", "gone", "untouched", "a comment"],
)
async def test_an_invalid_missing_or_unchanged_file_leaves_the_scenario_running(
    api: Api, edit: Edit, logged: Logged, text: str | None, lines: list[str]
) -> None:
    """What is wrong is logged with its place."""
    await pay(api, 500)
    edit(text)
    assert logged() == [dedent(line) for line in lines]
    await pay(api, 201)


async def test_a_problem_in_an_edited_file_is_logged_once(edit: Edit, logged: Logged) -> None:
    """Editors write a file several times; a valid one afterwards is loaded."""
    edit(WRONG)
    edit(WRONG)
    edit(LATER)
    assert logged()[1:] == [WRONG_LINES[1], "down was reloaded in 1 world"]


async def test_an_edit_that_contradicts_other_scenarios_is_rejected(
    api: Api, sandbox: AssembledServer, edit: Edit, logged: Logged
) -> None:
    """The scenario stays as it was."""
    other = scenario_of("clock: 2030-01-15T10:30:00Z\nexpect: [{audit: clean}]", name="other")
    worlds = sandbox.runtime.worlds
    worlds.context = worlds.context._replace(scenarios=(*worlds.context.scenarios, other))
    edit(LATER.replace("2030-01-15T10:30:00Z", "2031-01-01"))
    assert logged() == [
        (
            "down: expected a single clock; the scenarios start at 2030-01-15T10:30:00Z and"
            " 2031-01-01T00:00:00Z; it was not reloaded"
        )
    ]
    await pay(api, 500)
    await pay(api, 500, "sk_test_new")


def test_a_file_that_becomes_valid_later_is_reloaded_from_then_on(
    sandbox: AssembledServer, file: Path, logged: Logged
) -> None:
    worlds = sandbox.runtime.worlds
    text = file.read_text(encoding="utf-8")
    file.write_text("scenario: down", encoding="utf-8")
    reloader = ScenarioReloader(sandbox.settings, sandbox.runtime)
    for each in (text, LATER):
        file.write_text(each, encoding="utf-8")
        reloader.reload(["down", "stranger"])
    assert (logged(), len(worlds)) == (["down was reloaded in 1 world"], 1)


def test_a_changed_file_is_reloaded_once_it_is_unchanged_for_one_check(
    sandbox: AssembledServer, file: Path, logged: Logged
) -> None:
    """At the first check it may be half written."""
    reloader = ScenarioReloader(sandbox.settings, sandbox.runtime)
    reloader.reload_changed()
    file.write_text(LATER[:40], encoding="utf-8")
    reloader.reload_changed()
    file.write_text(LATER, encoding="utf-8")
    reloader.reload_changed()
    assert logged() == []
    reloader.reload_changed()
    assert logged() == ["down was reloaded in 1 world"]
    reloader.reload_changed()
    assert logged() == ["down was reloaded in 1 world"]


def test_a_missing_file_is_logged_once_and_reloaded_when_it_is_back(
    sandbox: AssembledServer, file: Path, logged: Logged
) -> None:
    reloader = ScenarioReloader(sandbox.settings, sandbox.runtime)
    file.unlink()
    reloader.reload(["down"])
    for _ in range(3):
        reloader.reload_changed()
    gone = "cannot read the file of down; it was not reloaded"
    assert logged() == [gone]
    file.write_text(LATER, encoding="utf-8")
    for _ in range(3):
        reloader.reload_changed()
    assert logged() == [gone, "down was reloaded in 1 world"]
