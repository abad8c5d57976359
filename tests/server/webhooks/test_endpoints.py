"""Tests webhook endpoints in the control API: made, listed, changed and deleted."""

import json

import pytest

from tests.support.http import Control, WebhookApi
from tests.support.in_process import sealed_snapshot
from tests.support.receiver import Receiver
from tests.support.values import Matching

SECRET = "whsec_cGF5bWVudHMtc2FuZGJveC1kZWZhdWx0LXNlY3JldCE="
ENDPOINT_ID = Matching("we_[0-9a-f]{16}")


async def test_an_endpoint_shows_all_settings_except_defaults(webhooks: WebhookApi) -> None:
    wanted = {
        "url": "http://localhost:3000/webhooks",
        "events": ["payment.*", "refund.created"],
        "description": "the shop",
        "enabled": False,
        "secret": "of-the-shop",
        "signature": {"scheme": "hmac", "header": "X-S", "prefix": "v0:", "encoding": "base64"},
        "headers": {"X-Tenant": "7"},
        "retries": ["1s", "90m", "24h"],
        "timeout": "500ms",
    }
    made = await webhooks.control("create_webhook_endpoint", wanted)
    plain = await webhooks.control("create_webhook_endpoint", {"url": "inbox:orders"})

    assert made == wanted | {"id": ENDPOINT_ID, "retries": ["1s", "90m", "1d"]}
    assert plain == {
        "id": ENDPOINT_ID,
        "url": "inbox:orders",
        "events": ["*"],
        "description": None,
        "enabled": True,
        "secret": SECRET,
        "signature": {"scheme": "standard"},
        "headers": {},
    }
    listed = await webhooks.control("list_webhook_endpoints")
    assert listed["data"] == [plain, made]


async def test_updating_an_endpoint_changes_only_the_given_settings(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    """An empty description removes it."""
    endpoint_id = await webhooks.create_endpoint(
        "inbox:orders", description="x", timeout="1s", retries=["1s"]
    )
    before = await webhooks.control("retrieve_webhook_endpoint", endpoint_id=endpoint_id)
    moved = await webhooks.update_endpoint(endpoint_id, url=receiver.url, description="")
    await webhooks.pay()
    await webhooks.settle()

    assert moved == before | {"url": receiver.url, "description": None}
    assert len(receiver.hits) == 1
    assert await webhooks.update_endpoint(endpoint_id) == moved


async def test_a_card_number_in_the_description_of_an_endpoint_is_masked(
    webhooks: WebhookApi, control: Control
) -> None:
    """Also in a snapshot that was sealed by hand."""
    endpoint_id = await webhooks.create_endpoint(
        "inbox:orders", description="of 4111 1111 1111 1111"
    )
    made = await webhooks.control("retrieve_webhook_endpoint", endpoint_id=endpoint_id)
    kept = json.dumps(await control("retrieve_snapshot"))
    by_hand = kept.replace("**** **** **** 1111", "4111 1111 1111 1111")
    assert by_hand != kept
    changed: dict[str, object] = json.loads(by_hand)
    del changed["digest"]
    await control("restore_snapshot", sealed_snapshot(changed))

    assert made["description"] == "of **** **** **** 1111"
    assert await webhooks.control("retrieve_webhook_endpoint", endpoint_id=endpoint_id) == made


async def test_a_changed_url_is_used_from_the_next_attempt(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    receiver.script(500)
    endpoint_id = await webhooks.create_endpoint(f"{receiver.origin}/old")
    await webhooks.pay()
    await webhooks.settle()
    await webhooks.update_endpoint(endpoint_id, url=f"{receiver.origin}/new")
    await webhooks.advance("5s")
    assert [hit.target for hit in receiver.hits] == ["/old", "/new"]


async def test_endpoints_are_listed_in_pages_newest_first(webhooks: WebhookApi) -> None:
    made = [await webhooks.create_endpoint(f"inbox:n{number}") for number in range(5)]
    first = await webhooks.control("list_webhook_endpoints", query={"limit": "3"})
    query = {"limit": "3", "starting_after": first["next_cursor"]}
    rest = await webhooks.control("list_webhook_endpoints", query=query)
    found = [each["id"] for each in first["data"] + rest["data"]]

    assert (first["has_more"], rest["has_more"], rest["next_cursor"]) == (True, False, None)
    assert found == made[::-1]
    query = {"starting_after": "we_none"}
    refused = await webhooks.control("list_webhook_endpoints", status=400, query=query)
    assert refused["error"]["details"] == (
        "/starting_after: expected the id of a webhook endpoint;"
        " GET /_sandbox/webhook_endpoints returns the first page."
    )


async def test_one_endpoint_too_many_is_rejected_until_one_is_deleted(webhooks: WebhookApi) -> None:
    """A world has a hundred at most."""
    made = [await webhooks.create_endpoint("inbox:orders") for _ in range(100)]
    refused = await webhooks.control("create_webhook_endpoint", {"url": "inbox:x"}, status=400)
    assert refused["error"]["details"] == (
        "/: expected at most 100 webhook endpoints;"
        " DELETE /_sandbox/webhook_endpoints/ID removes one."
    )
    await webhooks.control("delete_webhook_endpoint", endpoint_id=made[0])
    again = await webhooks.create_endpoint("inbox:x")
    assert again not in made


@pytest.mark.parametrize(
    "route",
    [
        "retrieve_webhook_endpoint",
        "update_webhook_endpoint",
        "delete_webhook_endpoint",
        "rotate_secret",
    ],
)
async def test_an_unknown_webhook_endpoint_is_404_for_each_route(
    webhooks: WebhookApi, route: str
) -> None:
    """So is one that was deleted, or of another world."""
    endpoint_id = await webhooks.create_endpoint("inbox:orders")
    await webhooks.control("delete_webhook_endpoint", endpoint_id=endpoint_id)
    body = {"url": "inbox:orders"}
    await webhooks.control("create_webhook_endpoint", body, key="sk_test_one_more")
    mine = await webhooks.create_endpoint("inbox:orders")
    wanted: object = {} if route == "update_webhook_endpoint" else None
    for key, which in ((None, endpoint_id), (None, "we_none"), ("sk_test_other", mine)):
        refused = await webhooks.control(route, wanted, status=404, key=key, endpoint_id=which)
        assert refused["error"]["details"] == (
            "No such webhook endpoint. GET /_sandbox/webhook_endpoints lists what exists."
        )
