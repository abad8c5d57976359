"""Tests faults that last: what ends them early, and a fault after a delay."""

import asyncio

import pytest

from payments_sandbox.core.settings import Settings
from payments_sandbox.rules.faults.drip import Drip
from payments_sandbox.rules.faults.drop import Drop
from payments_sandbox.rules.faults.fault import Fault
from payments_sandbox.rules.faults.hang import Hang
from payments_sandbox.rules.magic_cards import card_is
from payments_sandbox.rules.model import RequestRule, Step, Then
from payments_sandbox.server import delayed_replies
from payments_sandbox.server.factory import AssembledServer, assemble
from tests.support.http import Api, Control, until
from tests.support.sockets import (
    RawConnection,
    ReadToEnd,
    raw_connection,
    raw_create,
    with_card_rules,
)

MINUTE = 60_000
CARDS: dict[str, Fault] = {
    "4000009800000013": Hang(commit=True),
    "4000009800000021": Drip(over=MINUTE, chunks=200),
    "4000009800000039": Hang(commit=True, lasts=80),
    "4000009800000047": Drop(commit=True, how="close"),
}
HANG, DRIP, BRIEF, LATE = CARDS
STEPS = {card: Step(fault, delay=80 if card == LATE else 0) for card, fault in CARDS.items()}


@pytest.fixture
def settings() -> Settings:
    """The settings of a sandbox that may hold a reply for a minute."""
    return Settings(clock="2030-01-15T10:30:00Z", seed=7, max_wall_delay=MINUTE)


@pytest.fixture
def sandbox(settings: Settings) -> AssembledServer:
    """A sandbox whose rules are the cards above."""
    rules = [
        RequestRule("fault", "create_payment", card_is(card), (step,), then=Then.REPEAT_LAST)
        for card, step in STEPS.items()
    ]
    return with_card_rules(assemble(settings), rules)


async def under_way(api: Api, sandbox: AssembledServer, speaker: RawConnection, card: str) -> None:
    """Wait until the fault has begun."""
    if card == DRIP:
        await speaker.head()
    await until(api, lambda: len(sandbox.runtime.delayed_replies) == 1)


@pytest.mark.parametrize("card", [HANG, DRIP])
@pytest.mark.parametrize("route", ["reset_world", "delete_world", "restore_snapshot"])
async def test_resetting_dropping_or_restoring_a_world_ends_its_lasting_faults_at_once(  # noqa: PLR0913 - fixtures
    api: Api,
    control: Control,
    sandbox: AssembledServer,
    monkeypatch: pytest.MonkeyPatch,
    route: str,
    card: str,
) -> None:
    """Nothing more is sent."""
    monkeypatch.setattr(delayed_replies, "CHECK_EVERY", 60)
    snapshot = await control("retrieve_snapshot")
    tasks = len(asyncio.all_tasks())
    async with raw_connection(api, raw_create(card)) as speaker:
        await under_way(api, sandbox, speaker, card)
        await control(route, snapshot if route == "restore_snapshot" else None)
        assert await speaker.rest() == ReadToEnd(b"", is_reset=False)
    await until(api, lambda: len(asyncio.all_tasks()) == tasks)
    assert len(sandbox.runtime.delayed_replies) == 0


@pytest.mark.parametrize("card", [HANG, DRIP])
async def test_a_lasting_fault_ends_when_its_client_disconnects(
    api: Api, control: Control, sandbox: AssembledServer, card: str
) -> None:
    """The payment stays; the journal has no reply."""
    await control("live")
    tasks = len(asyncio.all_tasks())
    async with raw_connection(api, raw_create(card)) as speaker:
        await under_way(api, sandbox, speaker, card)
    await until(api, lambda: len(asyncio.all_tasks()) == tasks)
    (entry,) = (await control("list_requests"))["data"]

    assert len(sandbox.runtime.delayed_replies) == 0
    assert (entry["committed"], entry["response"]) == (True, None)
    assert entry["fault"] == ("drip" if card == DRIP else "hang")


@pytest.mark.parametrize("card", [BRIEF, LATE])
async def test_a_hang_lasts_its_own_duration_and_a_fault_can_follow_a_delay(
    api: Api, control: Control, card: str
) -> None:
    """Not the server's maximum."""
    async with raw_connection(api, raw_create(card)) as speaker:
        assert await speaker.rest() == ReadToEnd(b"", is_reset=False)
    (entry,) = (await control("list_requests"))["data"]
    assert 80 <= entry["duration_ms"] < MINUTE / 2
