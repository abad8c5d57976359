"""Lists and sums over all worlds: each process gives those of every process."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from payments_sandbox.core.settings import Settings
from tests.support.shared import FRONT, SharingServers, Way, sharing_servers
from tests.support.sockets import exchange, raw_request
from tests.support.values import documented_create

OWNED = (f"{FRONT}_a", "sk_test_b", f"{FRONT}_c", "sk_test_d")


HOME = "sk_test_sandbox"


@pytest.fixture(scope="module", params=[Way.PASSED, Way.NODES])
def way(request: pytest.FixtureRequest) -> Way:
    """Two workers, or two nodes."""
    return Way(request.param)


@pytest.fixture(scope="module")
def servers(way: Way) -> Iterator[SharingServers]:
    """Two servers with two worlds each, created in turn, and the default world."""
    settings = Settings(port=0, clock="2030-01-15T10:30:00Z", coverage=True)
    with sharing_servers(way, settings=settings) as both:
        assert exchange(both.front.address, raw_request("GET", "/_sandbox/world")).status == 200
        for key in OWNED:
            body = json.dumps(documented_create(card_number="4000000000000002")).encode()
            raw = raw_request("POST", "/v3/payments", {"Authorization": f"Bearer {key}"}, body)
            assert exchange(both.front.address, raw).status == 400
        yield both


def addresses(servers: SharingServers) -> list[str]:
    """Return the addresses of both servers."""
    return [servers.front.address, servers.owner.address]


def page_of(address: str, query: str) -> dict[str, Any]:
    """Return a page of the list of worlds."""
    return dict(exchange(address, raw_request("GET", f"/_sandbox/worlds{query}")).json)


def test_the_worlds_of_all_processes_are_listed_by_each_last_used_first(
    servers: SharingServers,
) -> None:
    """Page by page."""
    for address in addresses(servers):
        pages = [page_of(address, "?limit=2")]
        for _ in range(2):
            cursor = pages[-1]["next_cursor"]
            pages.append(page_of(address, f"?limit=2&starting_after={cursor}"))
        assert (pages[-1]["has_more"], pages[-1]["next_cursor"]) == (False, None)
        listed = [world for page in pages for world in page["data"]]
        assert {world["api_key"] for world in listed} == {*OWNED, HOME}
        times = [datetime.fromisoformat(world["used_at"]) for world in listed]
        assert times == sorted(times, reverse=True)
        assert {world["base_url"] for world in listed} == {"http://127.0.0.1/v3"}


def test_coverage_counts_the_failures_of_all_processes_in_one_row(servers: SharingServers) -> None:
    for address in addresses(servers):
        [row] = exchange(address, raw_request("GET", "/_sandbox/coverage")).json["calls"]
        assert (row["failure"], row["count"]) == ("card_declined", 4)


def calls_and_worlds(address: str) -> tuple[int, int]:
    """Return the number of creates answered 400 and the number of worlds in the metrics."""
    text = exchange(address, raw_request("GET", "/_sandbox/metrics")).body.decode()
    calls = re.search(r'operation="create_payment",status="400",fault="none"} (\d+)\n', text)
    worlds = re.search(r"\npayments_sandbox_worlds (\d+)\n", text)
    assert worlds is not None
    return int(calls[1]) if calls is not None else 0, int(worlds[1])


def test_metrics_are_sums_over_all_workers_but_of_one_node(
    servers: SharingServers, way: Way
) -> None:
    """Prometheus reads each node and adds them up itself."""
    found = [calls_and_worlds(address) for address in addresses(servers)]
    assert found == ([(4, 5)] * 2 if way is Way.PASSED else [(2, 2), (2, 3)])
