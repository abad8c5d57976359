"""Tests that no card number or security code leaks through webhooks."""

import json
from collections.abc import Callable
from itertools import cycle
from typing import Any

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.masking import mask_object, mask_text
from payments_sandbox.scenarios.activation import set_active
from payments_sandbox.scenarios.loader import read_scenario
from payments_sandbox.server.webhook_json import delivery_json, endpoint_json, inbox_message_json
from payments_sandbox.webhooks.delivery import AttemptResult, receiver_response, why_failed
from payments_sandbox.webhooks.endpoint import Endpoint
from payments_sandbox.webhooks.verification import Received
from payments_sandbox.world.world import World
from tests.server.test_leaks import FORTY, NUMBERS, revealed
from tests.support.in_process import (
    NOON,
    FakeDispatcher,
    InProcessApi,
    all_outputs,
    new_world,
    restored_world,
    snapshot,
)
from tests.support.tables import for_each
from tests.support.values import all_paths, documented_create, value_at, with_value

CODE = "9137"


def received(
    body: Callable[[str], bytes] = lambda _: b"{}",
    headers: Callable[[str], dict[str, str]] = lambda _: {},
) -> Callable[[World, str], None]:
    """Return a function that sends a message to an inbox."""

    def receive(world: World, sent: str) -> None:
        message = Received(headers(sent), body(sent))
        world.open_webhooks().receive("orders", message, now=NOON, wall=NOON)

    return receive


def the_endpoint(world: World, url: str = "http://localhost/") -> Endpoint:
    """Return the endpoint at a URL, created on first use."""
    webhooks = world.open_webhooks()
    for endpoint in webhooks.outbox.endpoints.values():
        if endpoint.url == url:
            return endpoint
    webhooks.put(made := webhooks.new_endpoint(url))
    return made


def answered(
    lines: Callable[[bytes], dict[bytes, bytes]], body: bytes = b""
) -> Callable[..., None]:
    """Return a function that answers a delivery; `SENT` in the body stands for what is sent."""

    def answer(world: World, sent: str) -> None:
        webhooks, endpoint = world.open_webhooks(), the_endpoint(world)
        world.make_event("payout.paid", {})
        for delivery in webhooks.outbox.pop():
            request = webhooks.request(delivery, endpoint, now=NOON, sent_at=NOON)
            raw = sent.encode()
            response = receiver_response(500, tuple(lines(raw).items()), body.replace(b"SENT", raw))
            result = AttemptResult(request.headers, response, why_failed(response), 1.0)
            webhooks.record(delivery, request, result, NOON)

    return answer


def ruled(rule: str) -> Callable[[World, str], None]:
    """Return a function that applies a rule of a scenario to a payment and its webhook."""

    def act(world: World, sent: str) -> None:
        source = json.loads(rule.replace("SENT", json.dumps(sent)[1:-1]))
        set_active(world, [read_scenario({"scenario": "written", "rules": [source]})])
        the_endpoint(world)
        InProcessApi(world).ask("create_payment", documented_create())
        set_active(world, [])
        world.catch_up()
        for delivery in world.open_webhooks().outbox.pop():
            FakeDispatcher(world).attempt(delivery, 200)

    return act


def made_by_hand(world: World, sent: str) -> None:
    """Create a custom event with any data."""
    the_endpoint(world, "inbox:orders")
    world.make_event(mask_text(sent), mask_object({"a": [sent], sent: {"b": sent}}))
    FakeDispatcher(world).deliver()


POSITIONS: dict[str, Callable[[World, str], None]] = {
    "a body": received(lambda sent: json.dumps({"a": sent}).encode()),
    "a body in UTF-8": received(lambda sent: json.dumps({"a": sent}, ensure_ascii=False).encode()),
    "a body that is escaped": received(
        lambda sent: b'{"a": "%b"}' % b"".join(b"\\u%04x" % ord(sign) for sign in sent)
    ),
    "a key": received(lambda sent: json.dumps({"a": {sent: 1}}).encode()),
    "JSON in JSON": received(lambda sent: json.dumps(json.dumps({"a": sent})).encode()),
    "a type": received(lambda sent: json.dumps({"type": sent}).encode()),
    "invalid JSON": received(lambda sent: b"{" + sent.encode()),
    "a repeated key": received(lambda sent: b'{"a": %b, "a": null}' % json.dumps(sent).encode()),
    "a header": received(headers=lambda sent: {"x-a": sent}),
    "a header name": received(headers=lambda sent: {sent: "a"}),
    "a signature": received(headers=lambda sent: {"webhook-signature": sent}),
    "an answer's header": answered(lambda sent: {b"X-A": sent}),
    "an answer's header name": answered(lambda sent: {sent: b"x"}),
    "an answer's Retry-After": answered(lambda sent: {b"Retry-After": sent}),
    "an answer's redirect": answered(lambda sent: {b"Location": sent}),
    "an answer": answered(lambda _: {}, b"thanks for SENT, come again"),
    "a rule's message": ruled(
        '{"request": "create_payment", "do": [{"respond": {"error": "card_declined",'
        ' "message": "SENT", "details": "SENT"}}]}'
    ),
    "a rule's patch": ruled(
        '{"request": "create_payment", "do": [{"patch": {"description": "SENT", "a": ["SENT"]},'
        ' "off_contract": true}]}'
    ),
    "a rule's event": ruled(
        '{"event": "payment.completed", "do": {"emit": {"type": "a.b", "data": {"a": "SENT"}}}}'
    ),
    "a rule's patch of a webhook": ruled(
        '{"webhook": "payment.completed", "do": {"patch": {"data": {"a": "SENT"}}}}'
    ),
    "an event": made_by_hand,
}


def everything(world: World) -> list[Any]:
    """Return all that a world shows, including its webhooks."""
    webhooks = world.open_webhooks()
    outbox = webhooks.outbox
    inboxes = [each for _, inbox in webhooks.inboxes.items() for each in inbox.since(0, None)]
    return [
        *all_outputs(world),
        [endpoint_json(each) for each in outbox.endpoints.values()],
        [delivery_json(outbox, each) for each in outbox.newest_first()],
        [inbox_message_json(each) for each in inboxes],
    ]


@for_each("position", POSITIONS)
def test_no_output_contains_a_card_number_in_any_of_forty_spellings(position: str) -> None:
    """Nor does the world restored from a snapshot."""
    world = new_world()
    for spell, number in zip(FORTY.values(), cycle(NUMBERS), strict=False):
        POSITIONS[position](world, spell(number))
    if "rule" in position:
        assert len(world.journal) == len(FORTY)

    assert revealed(everything(world), NUMBERS) == []
    assert revealed(everything(InProcessApi(world).twin().world), NUMBERS) == []


NAMES = ("cvc", "CVV2", "security_code", "cvn", "cid", "cardVerificationValue", "x-payment-cvc")
CODES: dict[str, Callable[[str], tuple[bytes, dict[str, str]]]] = {
    "JSON": lambda name: (json.dumps({name: CODE, "a": {name: int(CODE)}}).encode(), {}),
    "deep in JSON": lambda name: (json.dumps({"a": [{"b": {name: CODE}}]}).encode(), {}),
    "broken JSON": lambda name: (f'{{"{name}": "{CODE}", "{name}": {CODE}, '.encode(), {}),
    "a form": lambda name: (f"a=1&{name}={CODE}&b=2".encode(), {}),
    "an encoded form": lambda name: (f"a=1&{name}%3D{CODE}&b=2".encode(), {}),
    "XML": lambda name: (f"<card><{name}>{CODE}</{name}></card>".encode(), {}),
    "a header": lambda name: (b"{}", {name: CODE}),
    "an address": lambda name: (b"{}", {"referer": f"http://shop.test/?{name}={CODE}&a=1"}),
}


@for_each("name", NAMES)
@for_each("form", CODES)
def test_an_inbox_masks_security_codes_by_the_name_of_their_field(form: str, name: str) -> None:
    """In JSON and in what is nearly JSON."""
    world = new_world()
    body, headers = CODES[form](name)
    world.open_webhooks().receive("orders", Received(headers, body), now=NOON, wall=NOON)

    assert CODE not in json.dumps(everything(world), default=str)


def busy_snapshot() -> dict[str, Any]:
    """Return the snapshot of a world with deliveries, messages, refunds and a journal."""
    world = new_world()
    POSITIONS["an answer's header"](world, "7")
    POSITIONS["a rule's patch of a webhook"](world, "8")
    POSITIONS["a header"](world, "9")
    made_by_hand(world, "a.b")
    InProcessApi(world).ask("create_payment", documented_create(card_number="4000009900000012"))
    world.create_refund(0, 5, reason="late", description="much too late")
    taken: dict[str, Any] = json.loads(json.dumps(snapshot(world)))
    return taken


KEPT = busy_snapshot()


@for_each("part", [name for name in KEPT if isinstance(KEPT[name], dict)])
def test_a_card_number_written_into_a_snapshot_is_masked_or_rejected(part: str) -> None:
    """In place of any text or key; whoever writes it can also seal it."""
    number = NUMBERS[0]
    for path in all_paths(KEPT[part]):
        found = value_at(KEPT[part], path)
        changes = [with_value(KEPT, (part, *path), number)] if isinstance(found, str) else []
        if isinstance(found, dict):
            changes.append(with_value(KEPT, (part, *path, number), "x"))
        for change in changes:
            try:
                world = restored_world(change)
            except InvalidRequest:
                continue
            assert revealed(everything(world), [number]) == [], path
