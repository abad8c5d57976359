"""`payments-sandbox trigger`: an event is sent by hand, and printed as webhooks carry it."""

import json
from pathlib import Path
from typing import Final

import pytest

from tests.support.process import (
    RemoteWorld,
    ServeProcess,
    documented_example,
    environment_name,
    new_remote_world,
    options_of,
    run,
    without_ids,
)

SHARED: Final = {"--url", "--api-key", "--control-token"}
DATA: Final = '{"payout_id": "po_1", "rate": 1.250, "lines": [{"n": 1}]}'
NOBODY: Final = (
    "payments-sandbox: nobody is told: no webhook endpoint of this world wants it;"
    " payments-sandbox listen --forward-to URL makes one.\n"
)
EXPECTED: Final = "expected a JSON object, @FILE with one, or - to read one from stdin"

REFUSED: Final = [
    (
        ["payment.complete"],
        (
            "/type: expected one of payment.completed, payment.failed, refund.created,"
            " chargeback.created; did you mean payment.completed? With data it can be any other"
        ),
    ),
    (
        ["Payment", "--data", "{}"],
        (
            "/type: expected an event's type such as payment.completed,"
            " of at most 64 lower-case letters, digits, '_' and '.'"
        ),
    ),
    (
        ["refund.created", "--payment", "PAYMENT"],
        (
            "/payment_id: expected a payment with a refund; this one has none; POST"
            " /v3/payments/PAYMENT/refunds creates one"
        ),
    ),
]


@pytest.fixture
def world(server: ServeProcess) -> RemoteWorld:
    """A world with an endpoint, so that somebody is told."""
    world = new_remote_world(server.address)
    world.control("POST", "/webhook_endpoints", {"url": "inbox:orders"})
    return world


def test_the_page_shows_what_it_prints(world: RemoteWorld) -> None:
    """As docs/cli.md has it; the id differs."""
    console, *shown = documented_example("payments-sandbox trigger")
    assert console.endswith("""trigger payout.paid --data '{"payout_id": "po_1"}'""")

    ended = world.run("trigger", "payout.paid", "--data", '{"payout_id": "po_1"}')
    assert (ended.returncode, without_ids(ended.stdout).splitlines(), ended.stderr) == (
        0,
        shown,
        "",
    )


@pytest.mark.parametrize(
    "event", ["payment.completed", "payment.failed", "refund.created", "chargeback.created"]
)
def test_an_event_has_a_payment_made_for_it(world: RemoteWorld, event: str) -> None:
    """What is printed is what the receiver got, and the client can retrieve the payment."""
    ended = world.run("trigger", event)

    printed = json.loads(ended.stdout)
    received = world.control("GET", f"/inbox/orders?type={event}&wait=5s")["data"]
    assert (ended.returncode, ended.stderr) == (0, "")
    assert [each["body"] for each in received] == [printed]
    assert printed["type"] == event
    payment = world.ask("GET", f"/v3/payments/{printed['data']['payment_id']}")
    assert payment.status == 200


def test_an_event_can_be_about_a_payment(world: RemoteWorld) -> None:
    """On the command line and in the environment."""
    payment_id = world.pay(amount=4200).json["id"]
    line = world.run("trigger", "payment.completed", "--payment", payment_id)
    extra = world.variables | {environment_name("--payment"): payment_id}
    environment = run("trigger", "payment.completed", extra=extra)

    for ended in (line, environment):
        assert (ended.returncode, json.loads(ended.stdout)["data"]) == (
            0,
            {"payment_id": payment_id, "amount": 4200, "currency": "USD"},
        )


@pytest.mark.parametrize("source", ["line", "file", "stdin", "environment"])
def test_an_event_can_have_any_data(world: RemoteWorld, source: str, tmp_path: Path) -> None:
    """From wherever it comes, it is what is sent."""
    file = tmp_path / "data.json"
    file.write_text(DATA, encoding="utf-8")
    ended = {
        "line": lambda: world.run("trigger", "payout.paid", "--data", DATA),
        "file": lambda: world.run("trigger", "payout.paid", "--data", f"@{file}"),
        "stdin": lambda: world.run("trigger", "payout.paid", "--data", "-", given=DATA),
        "environment": lambda: run(
            "trigger", "payout.paid", extra=world.variables | {environment_name("--data"): DATA}
        ),
    }[source]()

    printed = json.loads(ended.stdout)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (printed["type"], printed["data"]) == ("payout.paid", json.loads(DATA))


def test_an_event_without_a_receiver_is_noted(server: ServeProcess) -> None:
    """Stderr has the reason why no webhook will arrive; the event is there all the same."""
    ended = new_remote_world(server.address).run("trigger", "payment.failed")

    assert (ended.returncode, json.loads(ended.stdout)["type"]) == (0, "payment.failed")
    assert ended.stderr == NOBODY


def test_every_option_is_tried() -> None:
    """An option that is added is tested here."""
    assert options_of("trigger") == SHARED | {"--payment", "--data"}


@pytest.mark.parametrize(("arguments", "details"), REFUSED)
def test_what_the_server_refuses_is_told_in_its_words(
    world: RemoteWorld, arguments: list[str], details: str
) -> None:
    """Exit 1, and what the server says."""
    payment_id = world.pay().json["id"]
    ended = world.run("trigger", *(payment_id if word == "PAYMENT" else word for word in arguments))

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"payments-sandbox: {world.address} refuses: The request is invalid (invalid_request):"
        f" {details.replace('PAYMENT', payment_id)}.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--payment", "pay_1", "--data", "{}"], "expected --payment or --data, not both"),
        (["--data", "{"], f"{EXPECTED}; "),
        (["--data", '{"a": 1, "a": 2}'], f"{EXPECTED}; "),
        (["--data", '{}, "payment_id": {}'], f"{EXPECTED}; "),
        (["--data", "[]"], EXPECTED),
        (["--data", "@no/such/file"], f"{EXPECTED}; no/such/file: No such file or directory"),
    ],
)
def test_data_that_is_no_json_object_is_refused(arguments: list[str], problem: str) -> None:
    """Exit 2; the last line says what would have worked, and nobody was asked."""
    ended = run("trigger", "payout.paid", *arguments)

    assert (ended.returncode, ended.stdout) == (2, "")
    last = ended.stderr.splitlines()[-1]
    assert last.startswith(f"payments-sandbox trigger: error: argument --data: {problem}")


def test_an_event_is_needed() -> None:
    """Exit 2."""
    ended = run("trigger")

    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (
        2,
        "payments-sandbox trigger: error: the following arguments are required: EVENT",
    )
