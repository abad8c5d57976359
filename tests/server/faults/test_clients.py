"""Tests how four HTTP clients report every fault: exactly as docs/wire-faults.md says."""

import asyncio
import json
import socket
import ssl
import sys
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import aiohttp
import httpx
import orjson
import pytest
import requests
from aiohttp import AddrInfoType

from payments_sandbox.core.settings import Settings
from payments_sandbox.core.tls_options import TRUST_VARIABLES, TlsChoice
from tests.project.tables import rows_below
from tests.project.tree import ROOT
from tests.support.http import bearer
from tests.support.receiver import SELF_SIGNED
from tests.support.sockets import RunningServer, WorldClient, running_server
from tests.support.values import (
    FAULT_SPELLINGS,
    LONGEST_WAIT,
    SHORT_WAIT,
    documented_create,
    fault_card,
    fault_cards,
    fault_of,
    fault_seconds,
)

Reply = tuple[int, Any]
"""The status, and the JSON of a reply whose status is good."""

Pay = Callable[[WorldClient, str, float], Reply]


def pays_at(shop: WorldClient) -> str:
    """Return the URL of payments, with TLS if the server uses it."""
    return f"{shop.server.at.url}/v3/payments"


def with_requests(shop: WorldClient, card: str, patience: float) -> Reply:
    """Pay with requests."""
    body, headers = documented_create(card_number=card), bearer(shop.key)
    reply = requests.post(pays_at(shop), json=body, headers=headers, timeout=patience)
    return reply.status_code, reply.json() if reply.ok else None


def with_httpx(shop: WorldClient, card: str, patience: float) -> Reply:
    """Pay with httpx."""
    body, headers = documented_create(card_number=card), bearer(shop.key)
    reply = httpx.post(pays_at(shop), json=body, headers=headers, timeout=patience)
    return reply.status_code, reply.json() if reply.is_success else None


def with_aiohttp(shop: WorldClient, card: str, patience: float) -> Reply:
    """Pay with aiohttp."""

    async def pay() -> Reply:
        body = documented_create(card_number=card)
        limit = aiohttp.ClientTimeout(total=patience)
        used: list[socket.socket] = []

        def opened(address: AddrInfoType) -> socket.socket:
            used.append(socket.socket(*address[:3]))
            return used[-1]

        connector = aiohttp.TCPConnector(
            ssl=ssl.create_default_context(), socket_factory=opened, force_close=True
        )
        try:
            async with (
                aiohttp.ClientSession(
                    headers=bearer(shop.key), timeout=limit, connector=connector
                ) as session,
                session.post(pays_at(shop), json=body) as reply,
            ):
                return reply.status, await reply.json() if reply.ok else None
        finally:
            async with asyncio.timeout(LONGEST_WAIT):
                # TLS ends later than its session.
                while any(each.fileno() >= 0 for each in used):  # noqa: ASYNC110 - nothing tells
                    await asyncio.sleep(0)  # noqa: TID251 - it takes no time

    return asyncio.run(pay())


def with_urllib(shop: WorldClient, card: str, patience: float) -> Reply:
    """Pay with urllib."""
    body = orjson.dumps(documented_create(card_number=card))
    headers = {**bearer(shop.key), "Content-Type": "application/json"}
    request = urllib.request.Request(pays_at(shop), body, headers)  # noqa: S310 - our own URL
    # `urlopen` keeps the trusted certificates of its first call.
    with urllib.request.build_opener().open(request, timeout=patience) as reply:
        return int(reply.status), json.loads(reply.read())


CLIENTS: Final[dict[str, Pay]] = {
    "requests": with_requests,
    "httpx": with_httpx,
    "aiohttp": with_aiohttp,
    "urllib": with_urllib,
}


def outcome_with(pay: Pay, shop: WorldClient, card: str, patience: float) -> str:
    """Return how a client reports it: its exception, a bad status, or the payment."""
    try:
        status, payment = pay(shop, card, patience)
    except Exception as error:  # noqa: BLE001 - which one it is, is the question
        return type(error).__name__
    if status >= 400:
        return f"status {status}"
    return "None" if payment is None else str(payment["status"])


AT_ONCE: Final = 12
"""The number of clients that run at the same time."""

PAGE: Final = ROOT / "docs" / "wire-faults.md"
TABLE: Final = rows_below("What clients make of it", PAGE.read_text(encoding="utf-8"))


TABLE_UNDER_TLS: Final = {
    row["step"]: row for row in rows_below("Under TLS", PAGE.read_text(encoding="utf-8"))
}
"""The rows that are others under TLS, where `ssl` does not tell an RST from an end."""

OTHERS_UNDER_TLS: Final = TABLE_UNDER_TLS if sys.version_info < (3, 13) else {}


@pytest.fixture(scope="module", params=["plain", "under TLS"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """A server that would hold a reply for a minute, and whom these clients trust.

    They trust nobody else: to read the authorities of a system takes longer than a payment.
    """
    tls = TlsChoice() if request.param == "under TLS" else None
    settings = Settings(port=0, max_wall_delay=60_000, tls=tls)
    with (
        running_server(settings, rules=fault_cards()) as server,
        pytest.MonkeyPatch.context() as patch,
    ):
        trusted = tmp_path_factory.mktemp("trusted") / "ca.pem"
        trusted.write_bytes(server.at.authority or SELF_SIGNED.read_bytes())
        for name in TRUST_VARIABLES:
            patch.setenv(name, str(trusted))
        yield server


def test_the_table_of_wire_faults_has_every_fault_and_every_client() -> None:
    """A row for each fault, in the order of the sections."""
    assert [row["step"].strip("`") for row in TABLE] == list(FAULT_SPELLINGS)
    assert [list(row) for row in TABLE] == [["step", *CLIENTS]] * len(TABLE)


def test_each_client_reports_each_fault_as_the_page_says(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The payment is made, the next one is answered, and no error is logged.

    Some clients wait for long, so others run at the same time.
    """
    others = {} if server.at.authority is None else OTHERS_UNDER_TLS
    rows = [others.get(row["step"], row) for row in TABLE]
    said = {
        (row["step"].strip("`"), client): row[client].strip("`*")
        for row in rows
        for client in CLIENTS
    }
    with ThreadPoolExecutor(AT_ONCE) as threads:
        met = threads.map(lambda pair: met_by(server, *pair), said)
        seen = dict(zip(said, met, strict=True))
    assert seen == {
        pair: (outcome, {"completed": 1}, ["payment.completed"], "completed")
        for pair, outcome in said.items()
    }
    assert [each.getMessage() for each in caplog.records if each.levelname == "ERROR"] == []


def met_by(
    server: RunningServer, step: str, client: str
) -> tuple[str, dict[str, int], list[str], str]:
    """Return a client's outcome of a fault, what the world has of it, and its next outcome."""
    pay = CLIENTS[client]
    patience = SHORT_WAIT if fault_seconds(fault_of(step)) > SHORT_WAIT else LONGEST_WAIT
    with WorldClient(server) as shop:
        was_told = outcome_with(pay, shop, fault_card(step), patience)
        payments, events = shop.counts(), shop.events()
        return was_told, payments, events, outcome_with(pay, shop, "4111111111111111", LONGEST_WAIT)
