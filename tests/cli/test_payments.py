"""`payments-sandbox payments`: a list by the API's filters, and one with its history."""

import json
from collections.abc import Iterator
from typing import Final

import pytest

from tests.support.process import (
    RemoteWorld,
    documented_example,
    new_remote_world,
    options_of,
    run,
    without_ids,
)
from tests.support.sockets import running_server

SHARED: Final = {"--url", "--api-key", "--control-token"}
DECLINED: Final = "4000000000009995"
PENDING: Final = "4000009900000012"
CODE: Final = "insufficient_funds"
LIST_80: Final = """\
2030-01-15T10:30:00Z  pay_cc519dbbb92df6e1  pending    2500 USD  cust_xxxxxxxxx…
2030-01-15T10:30:00Z  pay_aafd0a6e4f3fe0ee  failed     2500 USD  cust_abc123
                      insufficient_funds
2030-01-15T10:30:00Z  pay_89a87720e551cafb  completed  2500 USD  cust_abc123
                      refunded 100
"""
LIST_120: Final = f"""\
2030-01-15T10:30:00Z  pay_cc519dbbb92df6e1  pending    2500 USD  cust_{"x" * 29}…
2030-01-15T10:30:00Z  pay_aafd0a6e4f3fe0ee  failed     2500 USD  {"cust_abc123":<35}  {CODE}
2030-01-15T10:30:00Z  pay_89a87720e551cafb  completed  2500 USD  {"cust_abc123":<35}  refunded 100
"""
HISTORY: Final = """\
payment      pay_89a87720e551cafb
status       completed
amount       2500 USD
refunded     100
customer     cust_abc123
description  Payment for order #12345
card         visa …1111
created      2030-01-15T10:30:00Z

2030-01-15T10:30:00Z  create_payment     201  req_47df6ebf2b69183b
2030-01-15T10:30:00Z  payment.completed  evt_04554641f7ee113b
2030-01-15T10:30:00Z  webhook            answered 500  dlv_5ff14bcd1975a932
2030-01-15T10:30:00Z  create_refund      201  req_4c92256033c6e04e
2030-01-15T10:30:00Z  refund.created     evt_207aea4e99c7f986
2030-01-15T10:30:00Z  webhook            answered 200  dlv_b2ecf92ccf25d4ba
2030-01-15T10:30:05Z  webhook            answered 200  dlv_5ff14bcd1975a932
"""
FIRST: Final = "pay_89a87720e551cafb"


@pytest.fixture(scope="module")
def world() -> Iterator[RemoteWorld]:
    """Three payments, one of them refunded, whose webhook was taken the second time."""
    with running_server() as server:
        made = new_remote_world(server.address, seed=7)
        made.control("POST", "/webhook_endpoints", {"url": "inbox:orders"})
        made.control("PUT", "/inbox/orders", {"respond": [500, 200]})
        first = made.pay().json["id"]
        made.pay(card_number=DECLINED)
        made.pay(card_number=PENDING, customer_id="cust_" + "x" * 60)
        made.ask("POST", f"/v3/payments/{first}/refunds", {"amount": 100})
        made.control("POST", "/clock/advance", {"by": "5m"})
        yield made


@pytest.mark.parametrize(("columns", "shown"), [(80, LIST_80), (120, LIST_120)])
def test_payments_are_listed_in_as_much_width_as_there_is(
    world: RemoteWorld, columns: int, shown: str
) -> None:
    listed = run("payments", extra=world.variables, columns=columns)

    assert (listed.returncode, listed.stdout, listed.stderr) == (0, shown, "")
    assert max(map(len, shown.splitlines())) <= columns


@pytest.mark.parametrize("columns", [80, 120])
def test_one_is_shown_with_what_has_become_of_it(world: RemoteWorld, columns: int) -> None:
    shown = run("payments", FIRST, extra=world.variables, columns=columns)

    assert (shown.returncode, shown.stdout, shown.stderr) == (0, HISTORY, "")
    page = documented_example("payments-sandbox payments")
    assert page == ["$ payments-sandbox payments pay_…", *without_ids(HISTORY).splitlines()]


def test_one_is_shown_as_json(world: RemoteWorld) -> None:
    whole = json.loads(world.run("payments", FIRST, "--json").stdout)

    assert whole["payment"] == world.control("GET", f"/payments/{FIRST}")
    assert [each["type"] for each in whole["events"]] == ["payment.completed", "refund.created"]
    assert [len(each["attempts"]) for each in whole["deliveries"]] == [2, 1]
    assert [each["operation"] for each in whole["requests"]] == ["create_payment", "create_refund"]


@pytest.mark.parametrize(
    ("arguments", "query"),
    [
        (["--status", "failed"], "?status=failed"),
        (["--customer", "cust_abc123", "-n", "1"], "?customer_id=cust_abc123&limit=1"),
        (["--created-after", "2030-01-15T10:29:59Z"], "?created_after=2030-01-15T10:29:59Z"),
        (["--starting-after", "pay_aafd0a6e4f3fe0ee"], "?starting_after=pay_aafd0a6e4f3fe0ee"),
    ],
)
def test_the_filters_are_those_of_the_api(
    world: RemoteWorld, arguments: list[str], query: str
) -> None:
    ended = world.run("payments", "--json", *arguments)
    page = world.control("GET", f"/payments{query}")

    assert [json.loads(line) for line in ended.stdout.splitlines()] == page["data"] != []
    assert ended.stderr == (
        f"payments-sandbox: there are more; continue with --starting-after {page['next_cursor']}.\n"
        if page["has_more"]
        else ""
    )


def test_that_there_is_none_is_said(world: RemoteWorld) -> None:
    ended = world.run("payments", "--created-after", "2031-01-01")

    assert (ended.returncode, ended.stdout) == (0, "")
    assert ended.stderr == f"payments-sandbox: {world.key} has no matching payments.\n"


def test_a_key_that_nobody_has_used_is_told_where_the_others_are(world: RemoteWorld) -> None:
    """It may be misspelt; one that was used, and has no payments, is not."""
    unused = RemoteWorld(world.address, "sk_test_typo")
    used = RemoteWorld(world.address, "sk_test_used")
    assert used.ask("GET", "/v3/payments").status == 200
    said = "payments-sandbox: sk_test_{} has no payments{}.\n"
    listed = "; payments-sandbox worlds list shows the existing keys"
    assert unused.run("payments").stderr == said.format("typo", listed)
    assert used.run("payments", "--status", "failed").stderr == said.format("used", "")


def test_what_did_not_go_well_is_in_the_history(world: RemoteWorld) -> None:
    """A reply that was lost, a path that is none, a payment that was charged back."""
    other = new_remote_world(world.address, seed=8)
    drop = {"drop": {"commit": True, "how": "reset"}}
    rule = {"request": "create_payment", "do": [drop]}
    other.control("POST", "/scenarios/active", {"scenario": "x", "rules": [rule]})
    with pytest.raises(ConnectionResetError):
        other.pay()
    [payment] = other.control("GET", "/payments")["data"]
    other.control("POST", f"/payments/{payment['id']}/chargeback", {"amount": 300})
    other.ask("GET", f"/v3/payments/{payment['id']}/receipt")

    shown = other.run("payments", payment["id"]).stdout.splitlines()
    assert "charged back  300" in shown
    assert f"2030-01-15T10:30:00Z  /v3/payments/{payment['id']}/receipt" in "\n".join(shown)
    assert other.run("payments", columns=80).stdout.endswith("charged back 300\n")


def test_the_history_is_in_the_order_in_which_it_happened_within_a_second_too(
    world: RemoteWorld,
) -> None:
    """The date of an event has no milliseconds; that of what it stands beside has."""
    other = new_remote_world(world.address, seed=9)
    other.control("POST", "/webhook_endpoints", {"url": "inbox:orders"})
    other.control("POST", "/clock/advance", {"by": "250ms"})
    payment = other.pay().json["id"]
    other.control("POST", "/clock/advance", {"by": "250ms"})
    other.ask("POST", f"/v3/payments/{payment}/refunds", {"amount": 100})

    history = other.run("payments", payment).stdout.partition("\n\n")[2].splitlines()
    assert [line.split()[:2] for line in history] == [
        ["2030-01-15T10:30:00.250Z", "create_payment"],
        ["2030-01-15T10:30:00.250Z", "payment.completed"],
        ["2030-01-15T10:30:00.250Z", "webhook"],
        ["2030-01-15T10:30:00.500Z", "create_refund"],
        ["2030-01-15T10:30:00.500Z", "refund.created"],
        ["2030-01-15T10:30:00.500Z", "webhook"],
    ]


def test_every_option_is_tried() -> None:
    own = {"--status", "--customer", "--created-after", "--starting-after", "--limit", "--json"}
    assert options_of("payments") == SHARED | own


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--status", "paid"], "argument --status: expected pending or completed or failed"),
        (["-n", "0"], "argument -n/--limit: expected a whole number from 1 to 1000"),
        (
            [FIRST, "--status", "failed"],
            "argument --status: not allowed with ID; it filters lists",
        ),
    ],
)
def test_a_wrong_call_says_what_would_have_worked(arguments: list[str], problem: str) -> None:
    ended = run("payments", *arguments)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.splitlines()[-1] == f"payments-sandbox payments: error: {problem}"


def test_a_payment_that_is_not_there_is_told(world: RemoteWorld) -> None:
    ended = world.run("payments", "pay_none")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert "payment_not_found" in ended.stderr
