"""Tests that a fault ends one exchange and affects no other, until the server stops."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Final

import pytest
import requests

from payments_sandbox.core.settings import Settings
from tests.support.http import bearer
from tests.support.sockets import RunningServer, WorldClient, running_server
from tests.support.values import LONGEST_WAIT, documented_create

RESET, TIMEOUT = "4000009900000061", "4000009900000087"
PATIENT: Final = Settings(port=0, max_wall_delay=60_000)


@pytest.fixture(scope="module")
def patient() -> Iterator[RunningServer]:
    """A server that may hold a reply for a minute."""
    with running_server(PATIENT) as server:
        yield server


def pay(shop: WorldClient, card: str, patience: float) -> None:
    """Pay on a new connection."""
    body, headers = documented_create(card_number=card), bearer(shop.key)
    requests.post(shop.payments_url, json=body, headers=headers, timeout=patience)


def waits(shop: WorldClient, wanted: int) -> None:
    """Let the server work until `wanted` of its requests wait."""
    for _ in range(10_000):
        if len(shop.server.sandbox.runtime.delayed_replies) == wanted:
            return
        shop.control("GET", "live")
    raise AssertionError(
        f"{len(shop.server.sandbox.runtime.delayed_replies)} requests wait, not {wanted}"
    )


def test_other_worlds_are_served_while_requests_hang_or_are_reset(patient: RunningServer) -> None:
    with (
        WorldClient(patient) as faulty,
        WorldClient(patient) as good,
        ThreadPoolExecutor(6) as threads,
    ):
        hanging = [threads.submit(pay, faulty, TIMEOUT, 0.3) for _ in range(3)]
        resetting = [threads.submit(pay, faulty, RESET, LONGEST_WAIT) for _ in range(3)]
        statuses = [good.pay().status_code for _ in range(10)]
        raised = [type(each.exception()) for each in hanging + resetting]
        waits(good, 0)
    assert statuses == [201] * 10
    assert raised == [requests.ReadTimeout] * 3 + [requests.ConnectionError] * 3


def test_a_stopping_server_ends_hanging_requests() -> None:
    with ThreadPoolExecutor(1) as threads:
        with ExitStack() as server_runs:
            server = server_runs.enter_context(running_server(PATIENT))
            shop = server_runs.enter_context(WorldClient(server))
            hanging = threads.submit(pay, shop, TIMEOUT, LONGEST_WAIT)
            waits(shop, 1)
        assert isinstance(hanging.exception(LONGEST_WAIT), requests.ConnectionError)
