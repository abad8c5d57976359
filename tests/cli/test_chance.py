"""`chance` decides the same for one client and for sixteen, and in every process."""

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
"""What every process decides: how many of the 400 calls fail, and which of the first customer."""


@pytest.fixture
def server() -> Iterator[ServeProcess]:
    """Return a server for this test alone."""
    with serve_process("--clock", "2030-01-15T09:00:00Z") as server:
        yield server


def world(server: ServeProcess) -> dict[str, str]:
    """Return the headers for a new world in which the scenario is active."""
    raw = json.dumps({"scenarios": [NOISE]}).encode()
    made = exchange(server.address, raw_request("POST", "/_sandbox/worlds", body=raw)).json
    return {"Authorization": f"Bearer {made['api_key']}"}


def decision(server: ServeProcess, key: dict[str, str], customer: str) -> int:
    """Return the status of a customer's next payment."""
    raw = json.dumps(documented_create(customer_id=customer)).encode()
    return exchange(server.address, raw_request("POST", "/v3/payments", key, raw)).status


def test_chance_decisions_do_not_depend_on_the_order_of_customers(server: ServeProcess) -> None:
    """The nth call of a customer gets the same decision, whatever other customers do."""
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
