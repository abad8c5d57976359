"""`payments-sandbox trigger`: sends an event, and prints it as webhooks carry it."""

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
from tests.support.tables import for_each

SHARED: Final = {"--url", "--api-key", "--control-token"}
DATA: Final = '{"payout_id": "po_1", "rate": 1.250, "lines": [{"n": 1}]}'
NOBODY: Final = (
    "payments-sandbox: no webhook endpoint of this world receives this event;"
    " payments-sandbox listen --forward-to URL creates one.\n"
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
            "/payment_id: expected a payment with a refund; this one has none. POST"
            " /v3/payments/PAYMENT/refunds creates one"
        ),
    ),
]


@pytest.fixture
def world(server: ServeProcess) -> RemoteWorld:
    """Return a world with an endpoint that gets the events."""
    world = new_remote_world(server.address)
    world.control("POST", "/webhook_endpoints", {"url": "inbox:orders"})
    return world


def test_the_example_in_docs_cli_md_matches_the_output(world: RemoteWorld) -> None:
    """Only the ids differ."""
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
def test_trigger_creates_a_payment_for_the_event_and_prints_what_is_sent(
    world: RemoteWorld, event: str
) -> None:
    """The client can retrieve the payment."""
    ended = world.run("trigger", event)

    printed = json.loads(ended.stdout)
    received = world.control("GET", f"/inbox/orders?type={event}&wait=5s")["data"]
    assert (ended.returncode, ended.stderr) == (0, "")
    assert [each["body"] for each in received] == [printed]
    assert printed["type"] == event
    payment = world.ask("GET", f"/v3/payments/{printed['data']['payment_id']}")
    assert payment.status == 200


def test_payment_makes_the_event_about_an_existing_payment(world: RemoteWorld) -> None:
    """The payment may come from the environment."""
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
def test_data_is_read_from_line_file_stdin_or_environment(
    world: RemoteWorld, source: str, tmp_path: Path
) -> None:
    """The event has exactly this data."""
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


def test_an_event_without_a_matching_endpoint_is_noted_on_stderr(server: ServeProcess) -> None:
    """The event is created and printed all the same."""
    ended = new_remote_world(server.address).run("trigger", "payment.failed")

    assert (ended.returncode, json.loads(ended.stdout)["type"]) == (0, "payment.failed")
    assert ended.stderr == NOBODY


def test_this_module_covers_every_option_of_trigger() -> None:
    """A new option fails this test until it is tested here."""
    assert options_of("trigger") == SHARED | {"--payment", "--data"}


@pytest.mark.parametrize(("arguments", "details"), REFUSED)
def test_an_event_that_the_server_rejects_exits_1_with_its_error(
    world: RemoteWorld, arguments: list[str], details: str
) -> None:
    payment_id = world.pay().json["id"]
    ended = world.run("trigger", *(payment_id if word == "PAYMENT" else word for word in arguments))

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"payments-sandbox: {world.address} rejected the request: The request is invalid"
        " (invalid_request):"
        f" {details.replace('PAYMENT', payment_id)}.\n"
    )


@for_each(
    ("arguments", "problem"),
    [
        (["--payment", "pay_1", "--data", "{}"], "not allowed with --payment"),
        (["--data", "{"], f"{EXPECTED}; "),
        (["--data", '{"a": 1, "a": 2}'], f"{EXPECTED}; "),
        (["--data", '{}, "payment_id": {}'], f"{EXPECTED}; "),
        (["--data", "[]"], EXPECTED),
        (["--data", "@no/such/file"], f"{EXPECTED}; no/such/file: No such file or directory"),
    ],
)
def test_invalid_data_exits_2_without_a_request(arguments: list[str], problem: str) -> None:
    """The last line says what is expected."""
    ended = run("trigger", "payout.paid", *arguments)

    assert (ended.returncode, ended.stdout) == (2, "")
    last = ended.stderr.splitlines()[-1]
    assert last.startswith(f"payments-sandbox trigger: error: argument --data: {problem}")


def test_a_missing_event_exits_2() -> None:
    ended = run("trigger")

    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (
        2,
        "payments-sandbox trigger: error: the following arguments are required: EVENT",
    )
