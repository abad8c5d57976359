"""`payments-sandbox payments`: a filtered list, or one payment with its history."""

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
    """Return a world with three payments; one is refunded, and its webhook took two attempts."""
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
def test_the_list_of_payments_fits_the_terminal_width(
    world: RemoteWorld, columns: int, shown: str
) -> None:
    listed = run("payments", extra=world.variables, columns=columns)

    assert (listed.returncode, listed.stdout, listed.stderr) == (0, shown, "")
    assert max(map(len, shown.splitlines())) <= columns


@pytest.mark.parametrize("columns", [80, 120])
def test_a_payment_is_shown_with_its_history_as_in_docs_cli_md(
    world: RemoteWorld, columns: int
) -> None:
    shown = run("payments", FIRST, extra=world.variables, columns=columns)

    assert (shown.returncode, shown.stdout, shown.stderr) == (0, HISTORY, "")
    page = documented_example("payments-sandbox payments")
    assert page == ["$ payments-sandbox payments pay_…", *without_ids(HISTORY).splitlines()]


def test_a_payment_as_json_has_its_events_deliveries_and_requests(world: RemoteWorld) -> None:
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
def test_filters_select_the_same_payments_as_the_control_api(
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


def test_an_empty_list_is_noted_on_stderr(world: RemoteWorld) -> None:
    ended = world.run("payments", "--created-after", "2031-01-01")

    assert (ended.returncode, ended.stdout) == (0, "")
    assert ended.stderr == f"payments-sandbox: {world.key} has no matching payments.\n"


def test_an_unused_key_gets_a_hint_to_worlds_list(world: RemoteWorld) -> None:
    """The key may be misspelt; a used key without payments gets no hint."""
    unused = RemoteWorld(world.address, "sk_test_typo")
    used = RemoteWorld(world.address, "sk_test_used")
    assert used.ask("GET", "/v3/payments").status == 200
    said = "payments-sandbox: sk_test_{} has no payments{}.\n"
    listed = "; payments-sandbox worlds list shows the existing keys"
    assert unused.run("payments").stderr == said.format("typo", listed)
    assert used.run("payments", "--status", "failed").stderr == said.format("used", "")


def test_the_history_has_chargebacks_and_calls_to_unknown_paths(world: RemoteWorld) -> None:
    """The payment's reply was lost, it was charged back, and a path below it is unknown."""
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


def test_the_history_is_chronological_within_one_second(
    world: RemoteWorld,
) -> None:
    """Events have dates without milliseconds, but requests and deliveries have them."""
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


def test_this_module_covers_every_option_of_payments() -> None:
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
def test_invalid_arguments_exit_2_and_say_what_is_expected(
    arguments: list[str], problem: str
) -> None:
    ended = run("payments", *arguments)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.splitlines()[-1] == f"payments-sandbox payments: error: {problem}"


def test_an_unknown_payment_id_exits_1(world: RemoteWorld) -> None:
    ended = world.run("payments", "pay_none")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert "payment_not_found" in ended.stderr
