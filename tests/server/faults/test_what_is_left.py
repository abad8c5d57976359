"""Tests what a fault leaves behind: the payment or none, its journal entry, and nothing else."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from payments_sandbox.server.factory import AssembledServer
from payments_sandbox.server.log.lines import journal_line
from payments_sandbox.server.log.text import format_line
from tests.support.http import Api, Control, events, paid, until
from tests.support.sockets import raw_create, raw_exchange
from tests.support.values import FAULT_SPELLINGS, PAYMENT_ID, fault_card, fault_of

HANG, DRIP = "hang: {}", "drip: {over: 900ms, chunks: 30}"
DESCRIPTORS: Final = Path("/dev/fd")
BODY: Final[dict[str, object]] = {
    "id": PAYMENT_ID,
    "status": "completed",
    "amount": 2500,
    "currency": "USD",
    "created_at": "2030-01-15T10:30:00Z",
    "description": "Payment for order #12345",
}
LIMITED: Final = {
    "Content-Type": "application/json",
    "Server": "payments-sandbox",
    "X-RateLimit-Limit": "1000",
    "X-RateLimit-Remaining": "999",
    "X-RateLimit-Reset": "1894705200",
}


@pytest.fixture(autouse=True)
def calm(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return a function for what was logged as an error, or with a traceback."""
    return lambda: [
        each.getMessage()
        for each in caplog.records
        if each.levelno >= logging.ERROR or each.exc_info
    ]


def resources(api: Api, sandbox: AssembledServer) -> tuple[int, ...]:
    """Return how many tasks, connections, descriptors and waits there are."""
    descriptors = len(list(DESCRIPTORS.iterdir())) if DESCRIPTORS.is_dir() else 0
    connections = len(api.server.handler.connections)
    return len(asyncio.all_tasks()), connections, descriptors, len(sandbox.runtime.delayed_replies)


@pytest.mark.parametrize("commit", [True, False], ids=["with commit", "without commit"])
@pytest.mark.parametrize("step", FAULT_SPELLINGS)
async def test_a_fault_makes_a_payment_with_its_event_only_if_it_commits(
    api: Api, control: Control, step: str, *, commit: bool
) -> None:
    """The next payment completes."""
    await raw_exchange(api, raw_create(fault_card(step, commit=commit)))
    happened = fault_of(step, commit=commit).commit
    (entry,) = (await control("list_requests"))["data"]
    made = await control("retrieve_world")

    assert made["payments"] == {"pending": 0, "completed": int(happened), "failed": 0}
    assert [each["type"] for each in await events(api)] == ["payment.completed"] * happened
    assert entry["committed"] is happened
    assert (await paid(api))["status"] == "completed"


@pytest.mark.parametrize("step", FAULT_SPELLINGS)
async def test_a_fault_leaves_no_task_socket_wait_or_error_in_the_log(
    api: Api, sandbox: AssembledServer, step: str, calm: Callable[[], list[str]]
) -> None:
    await paid(api)
    await events(api)  # so that aiohttp has this connection, as it has when we look again
    before = resources(api, sandbox)
    await raw_exchange(api, raw_create(fault_card(step)))
    await until(api, lambda: resources(api, sandbox) == before)

    assert calm() == []


def shown(status: int, body: object, **headers: str) -> dict[str, object]:
    """Return a reply as the journal shows it; `_` stands for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"status": status, "headers": LIMITED | named, "body": body}


JOURNALLED: Final[dict[str, dict[str, object] | None]] = {
    "drop: {how: close}": None,
    "drop: {how: reset}": None,
    HANG: None,
    "truncate: {in: headers}": None,
    "malform: {as: garbage}": None,
    "malform: {as: empty}": shown(201, None, Content_Length="0", Connection="close"),
    "malform: {as: wrong_length}": shown(201, BODY, Content_Length="79", Connection="close"),
    DRIP: shown(201, BODY, Content_Length="158"),
    "respond_raw: {status: 503, body: busy, off_contract: true}": shown(
        503, "busy", Content_Length="4", Connection="close"
    ),
}  # fmt: skip


@pytest.mark.parametrize("step", JOURNALLED)
async def test_the_journal_entry_of_a_fault_shows_what_was_sent(
    api: Api, control: Control, step: str
) -> None:
    """Its name, its reply or none, and how long it took."""
    await raw_exchange(api, raw_create(fault_card(step)))
    (entry,) = (await control("list_requests"))["data"]

    assert (entry["fault"], entry["rule"]) == (step.partition(":")[0], f"card:{step}")
    assert entry["response"] == JOURNALLED[step]
    assert entry["duration_ms"] > (90 if step in (HANG, DRIP) else 0)


@pytest.mark.parametrize("step", FAULT_SPELLINGS)
async def test_a_snapshot_keeps_the_journal_entries_of_faults(
    api: Api, control: Control, step: str
) -> None:
    """Including replies that are not JSON."""
    await raw_exchange(api, raw_create(fault_card(step)))
    before = await control("list_requests")
    await control("restore_snapshot", await control("retrieve_snapshot"))

    assert await control("list_requests") == before


async def test_the_log_line_of_a_fault_has_its_name_next_to_the_status(
    api: Api, sandbox: AssembledServer
) -> None:
    for step in ("malform: {as: html}", "malform: {as: empty}", HANG):
        await raw_exchange(api, raw_create(fault_card(step)))
    world = sandbox.runtime.worlds.get_or_create("sk_test_sandbox")
    lines = [format_line(journal_line(world, entry)) for entry in world.journal.since(0)]

    assert [line.split("  ")[1:3] for line in lines] == [
        ["create_payment", "502 malform"],
        ["create_payment", "201 malform"],
        ["create_payment", "hang"],
    ]
