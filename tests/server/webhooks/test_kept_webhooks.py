"""Tests verifying a kept webhook: why does my receiver refuse it?"""

from typing import Any

import pytest

from tests.support.http import WebhookApi, invalid


async def kept(webhooks: WebhookApi) -> tuple[str, dict[str, Any]]:
    """Return an endpoint, and what was sent to it for a payment."""
    endpoint_id = await webhooks.create_endpoint("inbox:orders")
    await webhooks.pay()
    await webhooks.settle()
    [message] = (await webhooks.control("read_inbox", ids={"name": "orders"}, key=webhooks.key))[
        "data"
    ]
    return endpoint_id, {"headers": message["headers"], "body": message["raw"]}


async def judged(webhooks: WebhookApi, endpoint_id: str, body: dict[str, Any]) -> tuple[bool, Any]:
    """Return whether a message verifies, and why not."""
    answer = await webhooks.control(
        "verify_webhook", body, key=webhooks.key, endpoint_id=endpoint_id
    )
    return answer["verified"], answer["reason"]


async def test_a_kept_webhook_verifies_with_header_names_in_any_case(webhooks: WebhookApi) -> None:
    endpoint_id, message = await kept(webhooks)
    shouted = {name.upper(): value for name, value in message["headers"].items()}
    assert await judged(webhooks, endpoint_id, message) == (True, None)
    assert await judged(webhooks, endpoint_id, message | {"headers": shouted}) == (True, None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"body": "{}"}, "no signature matches: the secret differs, or the body was changed"),
        ({"headers": {}}, "the header webhook-id is missing"),
        ({"now": "2000-01-01T00:00:00Z"}, "the timestamp is too new: "),
    ],
    ids=["changed body", "no headers", "clock in the past"],
)
async def test_a_changed_kept_webhook_is_reported_with_its_reason(
    webhooks: WebhookApi, change: dict[str, Any], reason: str
) -> None:
    endpoint_id, message = await kept(webhooks)
    is_taken, why = await judged(webhooks, endpoint_id, message | change)
    assert not is_taken
    assert why.startswith(reason)


async def test_a_kept_webhook_verifies_with_the_previous_secret_for_a_day_after_rotation(
    webhooks: WebhookApi,
) -> None:
    """Its age can be ignored."""
    endpoint_id, message = await kept(webhooks)
    await webhooks.control("rotate_secret", {}, key=webhooks.key, endpoint_id=endpoint_id)
    assert await judged(webhooks, endpoint_id, message | {"now": "ignore"}) == (True, None)
    await webhooks.advance("2d")
    assert (await judged(webhooks, endpoint_id, message | {"now": "ignore"}))[0] is False


async def test_a_kept_webhook_is_verified_by_the_clock_of_its_endpoint(
    webhooks: WebhookApi,
) -> None:
    endpoint_id, message = await kept(webhooks)
    await webhooks.update_endpoint(endpoint_id, timestamp="world")
    _, why = await judged(webhooks, endpoint_id, message)
    assert why.startswith("the timestamp is too old: ")


async def test_verifying_a_kept_webhook_with_an_invalid_now_is_rejected(
    webhooks: WebhookApi,
) -> None:
    endpoint_id, message = await kept(webhooks)
    refused = await webhooks.control(
        "verify_webhook", message | {"now": "soon"}, status=400, key=webhooks.key,
        endpoint_id=endpoint_id,
    )  # fmt: skip
    assert refused["error"]["details"].startswith("/now: expected ")
    assert refused == invalid(refused["error"]["details"])
