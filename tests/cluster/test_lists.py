"""What is about all worlds is about those of every process, whichever of them is asked."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from payments_sandbox.core.settings import Settings
from tests.support.shared import FRONT, SharingServers, Way, sharing_servers
from tests.support.sockets import exchange, raw_request
from tests.support.values import documented_create

OWNED = (f"{FRONT}_a", "sk_test_b", f"{FRONT}_c", "sk_test_d")


@pytest.fixture(scope="module")
def servers() -> Iterator[SharingServers]:
    """Two servers with two worlds each, used in turn, beside the home world."""
    settings = Settings(port=0, clock="2030-01-15T10:30:00Z", coverage=True)
    with sharing_servers(Way.PASSED, settings=settings) as both:
        for key in OWNED:
            body = json.dumps(documented_create(card_number="4000000000000002")).encode()
            raw = raw_request("POST", "/v3/payments", {"Authorization": f"Bearer {key}"}, body)
            assert exchange(both.front.address, raw).status == 400
        yield both


def addresses(servers: SharingServers) -> list[str]:
    """Those of both."""
    return [servers.front.address, servers.owner.address]


def page_of(address: str, query: str) -> dict[str, Any]:
    """A page of the list of worlds."""
    return dict(exchange(address, raw_request("GET", f"/_sandbox/worlds{query}")).json)


def test_worlds_are_listed_from_everywhere(servers: SharingServers) -> None:
    """The last used first, page by page, and each with what the list alone has."""
    for address in addresses(servers):
        pages = [page_of(address, "?limit=2")]
        for _ in range(2):
            cursor = pages[-1]["next_cursor"]
            pages.append(page_of(address, f"?limit=2&starting_after={cursor}"))
        assert (pages[-1]["has_more"], pages[-1]["next_cursor"]) == (False, None)
        listed = [world for page in pages for world in page["data"]]
        assert {world["api_key"] for world in listed} == {*OWNED, "sk_test_sandbox"}
        times = [world["used_at"] for world in listed]
        assert times == sorted(times, reverse=True)
        assert {world["base_url"] for world in listed} == {"http://127.0.0.1/v3"}


def test_failures_are_counted_everywhere(servers: SharingServers) -> None:
    """One row for all."""
    for address in addresses(servers):
        [row] = exchange(address, raw_request("GET", "/_sandbox/coverage")).json["calls"]
        assert (row["failure"], row["count"]) == ("card_declined", 4)


def test_metrics_are_sums(servers: SharingServers) -> None:
    """Of calls, and of worlds."""
    for address in addresses(servers):
        text = exchange(address, raw_request("GET", "/_sandbox/metrics")).body.decode()
        assert "\npayments_sandbox_worlds 5\n" in text
        assert 'operation="create_payment",status="400",fault="none"} 4\n' in text
