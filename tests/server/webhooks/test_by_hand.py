"""Tests events by hand: resend, trigger, filters, and what disabled endpoints log."""

import pytest

from tests.support.http import WebhookApi, ask, attempt_errors
from tests.support.receiver import Receiver
from tests.support.values import EVENT_ID, documented_refund

GONE = "No such event. GET /_sandbox/events lists what exists."


async def test_a_resend_is_a_new_delivery_with_the_same_event_id_and_body(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    await webhooks.create_endpoint(receiver.url)
    await webhooks.pay()
    first = await webhooks.only_delivery()
    page = await webhooks.control("resend_event", event_id=first["event_id"])
    again, resent = await webhooks.settle()

    assert page["data"] == [resent | {"status": "pending", "attempts": []}]
    assert again == first
    assert (resent["status"], resent["event_id"]) == ("delivered", first["event_id"])
    assert resent["id"] != first["id"]
    assert [hit.headers["webhook-id"] for hit in receiver.hits] == [first["event_id"]] * 2
    assert receiver.hits[0].body == receiver.hits[1].body


async def test_a_resend_is_not_retried_and_leaves_the_original_schedule(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    receiver.script(500, 500)
    await webhooks.create_endpoint(receiver.url)
    await webhooks.pay()
    (first,) = await webhooks.settle()
    await webhooks.control("resend_event", event_id=first["event_id"])
    await webhooks.advance("4d")
    first, resent = await webhooks.deliveries()

    assert (first["status"], attempt_errors(first)) == ("delivered", ["answered 500", None])
    assert (resent["status"], attempt_errors(resent)) == ("failed", ["answered 500"])


async def test_a_resend_to_one_endpoint_ignores_its_filter_and_whether_it_is_enabled(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    await webhooks.create_endpoint(f"{receiver.origin}/all")
    chosen = await webhooks.create_endpoint(
        f"{receiver.origin}/one", events=["refund.*"], enabled=False
    )
    await webhooks.pay()
    (delivery,) = await webhooks.settle()
    await webhooks.control("resend_event", {"endpoint_id": chosen}, event_id=delivery["event_id"])
    _, resent = await webhooks.settle()

    assert [hit.target for hit in receiver.hits] == ["/all", "/one"]
    assert (resent["endpoint_id"], resent["status"]) == (chosen, "delivered")


async def test_a_resend_goes_to_every_enabled_endpoint_whose_filter_matches(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    """Including endpoints made after the event."""
    await webhooks.pay()
    event = (await webhooks.control("list_events"))["data"][0]
    await webhooks.create_endpoint(f"{receiver.origin}/later")
    await webhooks.create_endpoint(f"{receiver.origin}/off", enabled=False)
    await webhooks.create_endpoint(f"{receiver.origin}/other", events=["refund.*"])
    page = await webhooks.control("resend_event", event_id=event["id"])
    await webhooks.settle()

    assert len(page["data"]) == 1
    assert [(hit.target, hit.json) for hit in receiver.hits] == [("/later", event)]


async def test_a_resend_of_an_unknown_event_or_to_an_unknown_endpoint_is_404(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    """Without endpoints it makes no delivery."""
    refused = await webhooks.control("resend_event", status=404, event_id="evt_none")
    assert refused["error"]["details"] == GONE
    await webhooks.pay()
    event = (await webhooks.control("list_events"))["data"][0]
    page = await webhooks.control("resend_event", event_id=event["id"])
    assert page == {"data": [], "has_more": False, "next_cursor": None}
    body = {"endpoint_id": "we_none"}
    refused = await webhooks.control("resend_event", body, status=404, event_id=event["id"])
    assert refused["error"]["details"] == (
        "No such webhook endpoint. GET /_sandbox/webhook_endpoints lists what exists."
    )
    assert receiver.hits == []


@pytest.mark.parametrize(
    ("type_", "first"),
    [
        ("payment.completed", []),
        ("payment.failed", []),
        ("refund.created", ["payment.completed"]),
        ("chargeback.created", ["payment.completed"]),
    ],
)
async def test_a_triggered_event_makes_the_objects_that_it_names(
    webhooks: WebhookApi, receiver: Receiver, type_: str, first: list[str]
) -> None:
    """And all their events are sent."""
    await webhooks.create_endpoint(receiver.url)
    made = await webhooks.control("create_event", {"type": type_})
    await webhooks.settle()
    payment = await ask(webhooks.api, "GET", f"/v3/payments/{made['data']['payment_id']}")

    assert [hit.json["type"] for hit in receiver.hits] == [*first, type_]
    assert receiver.hits[-1].json == made
    assert payment["status"] == ("failed" if type_ == "payment.failed" else "completed")


async def test_a_triggered_event_can_be_about_a_payment(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    payment_id = await webhooks.pay(amount=777)
    path = f"/v3/payments/{payment_id}/refunds"
    refund = await ask(webhooks.api, "POST", path, 201, json=documented_refund(amount=100))
    await webhooks.create_endpoint(receiver.url)
    body = {"type": "refund.created", "payment_id": payment_id}
    await webhooks.control("create_event", body)
    await webhooks.settle()
    (hit,) = receiver.hits

    assert hit.json["data"] == {
        "payment_id": payment_id,
        "amount": 100,
        "currency": "USD",
        "refund_id": refund["id"],
    }


@pytest.mark.parametrize("named", ["pay_1", "pay-1", "pay_" + "1" * 61, 1, None])
async def test_an_advance_lists_the_payment_id_in_the_data_of_a_custom_event(
    webhooks: WebhookApi, receiver: Receiver, named: object
) -> None:
    """If it is a valid payment id."""
    receiver.script(500)
    await webhooks.create_endpoint(receiver.url)
    body = {"type": "payment.completed", "data": {"payment_id": named}}
    await webhooks.control("create_event", body)
    (happened,) = await webhooks.advance("5s")

    assert happened["what"] == "webhook.delivered"
    assert happened["payment_id"] == ("pay_1" if named == "pay_1" else None)


async def test_an_event_of_any_type_and_data_can_be_sent(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    """A card number in it is masked."""
    await webhooks.create_endpoint(f"{receiver.origin}/all")
    await webhooks.create_endpoint(f"{receiver.origin}/payments", events=["payment.*"])
    data = {"payout_id": "po_1", "card": "4111111111111111", "nested": [{"4111111111111111": 1}]}
    made = await webhooks.control("create_event", {"type": "payout.paid", "data": data})
    await webhooks.settle()
    (hit,) = receiver.hits

    assert hit.json == made
    assert hit.target == "/all"
    assert made == {
        "id": EVENT_ID,
        "type": "payout.paid",
        "created_at": "2030-01-15T10:30:00Z",
        "data": made["data"],
    }
    assert "4111111111111111" not in str(made)


@pytest.mark.parametrize(
    ("body", "status", "details"),
    [
        (
            {"type": "payout.paid"},
            400,
            (
                "/type: expected one of payment.completed, payment.failed, refund.created,"
                " chargeback.created; with data it can be any other."
            ),
        ),
        (
            {"type": "x", "data": {}, "payment_id": "pay_1"},
            400,
            "/data: expected payment_id or data, not both.",
        ),
        (
            {"type": "payment.completed", "payment_id": "pay_1"},
            404,
            "GET /_sandbox/payments lists what exists.",
        ),
        (
            {"type": "Not A Type", "data": {}},
            400,
            (
                "/type: expected an event's type such as payment.completed,"
                " of at most 64 lower-case letters, digits, '_' and '.'."
            ),
        ),
    ],
)  # fmt: skip
async def test_an_invalid_event_is_rejected_and_not_sent(
    webhooks: WebhookApi,
    receiver: Receiver,
    body: dict[str, object],
    status: int,
    details: str | None,
) -> None:
    await webhooks.create_endpoint(receiver.url)
    refused = await webhooks.control("create_event", body, status=status)

    assert refused["error"].get("details") == details
    assert (await webhooks.control("list_events"))["data"] == []
    assert await webhooks.settle() == []


async def test_each_endpoint_gets_only_the_events_that_match_its_filter(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    """Others make no deliveries."""
    await webhooks.create_endpoint(f"{receiver.origin}/refunds", events=["refund.created"])
    await webhooks.create_endpoint(
        f"{receiver.origin}/failures", events=["payment.failed", "chargeback.*"]
    )
    for type_ in ("payment.completed", "payment.failed", "refund.created", "chargeback.created"):
        await webhooks.control("create_event", {"type": type_})
    await webhooks.settle()
    told = sorted((hit.target, hit.json["type"]) for hit in receiver.hits)

    assert told == [
        ("/failures", "chargeback.created"),
        ("/failures", "payment.failed"),
        ("/refunds", "refund.created"),
    ]
    assert len(await webhooks.deliveries()) == 3


async def test_events_of_a_disabled_endpoint_are_logged_and_can_be_resent(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    endpoint_id = await webhooks.create_endpoint(receiver.url, enabled=False)
    await webhooks.pay()
    delivery = await webhooks.only_delivery()

    assert delivery == {
        "id": delivery["id"],
        "event_id": EVENT_ID,
        "endpoint_id": endpoint_id,
        "type": "payment.completed",
        "status": "disabled",
        "attempts": [],
        "next_attempt_at": None,
    }
    await webhooks.update_endpoint(endpoint_id, enabled=True)
    await webhooks.control("resend_event", event_id=delivery["event_id"])
    assert [each["status"] for each in await webhooks.settle()] == ["disabled", "delivered"]


async def test_deliveries_can_be_filtered_by_event_endpoint_and_status_in_pages(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    """Newest first."""
    good = await webhooks.create_endpoint(receiver.url)
    await webhooks.create_endpoint("http://127.0.0.1:9/", enabled=False)
    for _ in range(3):
        await webhooks.pay()
    everything = await webhooks.settle()
    by_endpoint = await webhooks.deliveries(endpoint_id=good)
    by_event = await webhooks.deliveries(event_id=by_endpoint[1]["event_id"])
    by_status = await webhooks.deliveries(status="disabled")

    assert len(everything) == 6
    assert [each["endpoint_id"] for each in by_endpoint] == [good] * 3
    assert [each["event_id"] for each in by_event] == [by_endpoint[1]["event_id"]] * 2
    assert by_status == [each for each in everything if each["status"] == "disabled"]
    first = await webhooks.control("list_deliveries", query={"limit": "4"})
    rest = await webhooks.control(
        "list_deliveries", query={"limit": "4", "starting_after": first["next_cursor"]}
    )
    assert (first["has_more"], rest["has_more"], rest["next_cursor"]) == (True, False, None)
    assert (first["data"] + rest["data"])[::-1] == everything


@pytest.mark.parametrize("with_webhooks", [False, True])
async def test_an_unknown_delivery_cursor_is_400_and_an_unknown_delivery_404(
    webhooks: WebhookApi, receiver: Receiver, *, with_webhooks: bool
) -> None:
    """With or without any delivery."""
    if with_webhooks:
        await webhooks.create_endpoint(receiver.url)
    query = {"starting_after": "dlv_none"}
    refused = await webhooks.control("list_deliveries", status=400, query=query)
    assert refused["error"]["details"] == (
        "/starting_after: expected the id of a stored delivery;"
        " GET /_sandbox/deliveries returns the first page."
    )
    refused = await webhooks.control("retrieve_delivery", status=404, delivery_id="dlv_none")
    assert refused["error"]["details"] == (
        "No such delivery, or it has been dropped. GET /_sandbox/deliveries lists what exists."
    )
    assert await webhooks.deliveries() == []
