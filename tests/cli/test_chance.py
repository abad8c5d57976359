"""Chance depends neither on who comes first, one client or sixteen, nor on the process."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest

from tests.support.process import ServeProcess, serve_process
from tests.support.sockets import exchange, raw_request
from tests.support.values import documented_create

CUSTOMERS: Final = [f"cust_{number}" for number in range(16)]
CALLS: Final = 25
NOISE: Final = {
    "scenario": "noise",
    "seed": 7,
    "rules": [
        {
            "request": "create_payment",
            "per": "customer",
            "chance": 0.2,
            "do": [{"respond": {"error": "internal_error"}}],
            "then": "repeat_last",
        }
    ],
}


FAILED: Final = 78
FIRST: Final = "...x....x.x.....x..xxx..x"
"""What every process decides: how many of the 400 fail, and which of the first customer's."""


@pytest.fixture
def server() -> Iterator[ServeProcess]:
    """A server with a seed of its own."""
    with serve_process("--clock", "2030-01-15T09:00:00Z") as server:
        yield server


def world(server: ServeProcess) -> dict[str, str]:
    """The key of a new world in which the scenario is active."""
    raw = json.dumps({"scenarios": [NOISE]}).encode()
    made = exchange(server.address, raw_request("POST", "/_sandbox/worlds", body=raw)).json
    return {"Authorization": f"Bearer {made['api_key']}"}


def decision(server: ServeProcess, key: dict[str, str], customer: str) -> int:
    """The status of one customer's next payment."""
    raw = json.dumps(documented_create(customer_id=customer)).encode()
    return exchange(server.address, raw_request("POST", "/v3/payments", key, raw)).status


def test_chances_are_the_same_in_whatever_order_customers_come(server: ServeProcess) -> None:
    """The same for each customer's nth call, in whatever order the customers come."""
    alone, together = world(server), world(server)
    one = {
        customer: [decision(server, alone, customer) for _ in range(CALLS)]
        for customer in CUSTOMERS
    }
    with ThreadPoolExecutor(len(CUSTOMERS)) as clients:
        rows = clients.map(
            lambda customer: [decision(server, together, customer) for _ in range(CALLS)],
            CUSTOMERS,
        )
        sixteen = dict(zip(CUSTOMERS, rows, strict=True))

    assert sixteen == one
    failures = "".join("x" if status == 500 else "." for row in one.values() for status in row)
    assert (failures.count("x"), failures[:CALLS]) == (FAILED, FIRST)
