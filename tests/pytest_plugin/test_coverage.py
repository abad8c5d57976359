"""Coverage of failure in a session: which failures the tests met, with and without workers."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from payments_sandbox.testing import running_sandbox
from tests.support.process import SHOP_MODULE, Suite

pytest_plugins = ["pytester"]

TWENTY: Final = """
import pytest
import requests
from shop import pay

DECLINED = "4000000000000002"

def rules(*rules):
    return {"scenario": "made", "rules": list(rules)}

def get(sandbox, path, **headers):
    url = sandbox.base_url + path
    return requests.get(url, headers={**sandbox.headers, **headers}, timeout=10)

def refund(sandbox, payment, amount):
    url = f"{sandbox.base_url}/payments/{payment}/refunds"
    return requests.post(url, json={"amount": amount}, headers=sandbox.headers, timeout=10)

def test_01_pays(sandbox):
    assert pay(sandbox).status_code == 201

def test_02_card_is_declined(sandbox):
    pay(sandbox, card_number=DECLINED)

def test_03_card_is_declined_before_and_after_a_reset(sandbox):
    pay(sandbox, card_number=DECLINED)
    sandbox.reset()
    pay(sandbox, card_number=DECLINED)

def test_04_rule_answers_lost_card(sandbox):
    sandbox.use(rules({"request": "create_payment", "do": [{"respond": {"error": "lost_card"}}]}))
    pay(sandbox)

@pytest.mark.sandbox_scenario("lost-reply")
def test_05_reply_is_lost(sandbox):
    with pytest.raises(requests.ConnectionError):
        pay(sandbox)
    get(sandbox, "/payments")

def test_06_request_is_lost(sandbox):
    sandbox.use(rules({"request": "create_payment", "do": [{"drop": {"commit": False}}]}))
    with pytest.raises(requests.ConnectionError):
        pay(sandbox)

def test_07_server_error_after_commit(sandbox):
    cards = {each["name"]: each["number"] for each in sandbox.control.list_cards()["data"]}
    pay(sandbox, card_number=cards["server_error_after_commit"])

def test_08_server_error_without_commit(sandbox):
    cards = {each["name"]: each["number"] for each in sandbox.control.list_cards()["data"]}
    pay(sandbox, card_number=cards["server_error"])

def test_09_refund_exceeds_the_payment(sandbox):
    refund(sandbox, pay(sandbox).json()["id"], 9999)

def test_10_refund_of_an_unknown_payment(sandbox):
    refund(sandbox, "pay_none", 1)

def test_11_unknown_payment_is_retrieved(sandbox):
    get(sandbox, "/payments/pay_none")

def test_12_key_is_invalid(sandbox):
    get(sandbox, "/payments", Authorization="Bearer nonsense")

def test_13_rate_limit_is_exceeded(make_sandbox):
    world = make_sandbox(rate_limit=1)
    get(world, "/payments")
    get(world, "/payments")

def test_14_limit_is_invalid(sandbox):
    get(sandbox, "/payments?limit=many")

def test_15_list_is_truncated(sandbox):
    sandbox.use(rules({"request": "list_payments", "do": [{"truncate": {"keep": "50%"}}]}))
    with pytest.raises(requests.exceptions.RequestException):
        get(sandbox, "/payments")

def test_16_list_is_replaced_by_html(sandbox):
    sandbox.use(rules({"request": "list_payments", "do": [{"malform": {"as": "html"}}]}))
    get(sandbox, "/payments")

def test_17_first_webhook_attempt_is_lost(sandbox):
    inbox = sandbox.inbox()
    sandbox.use(rules({"webhook": "*", "when": {"attempt": 1}, "do": {"drop": True}}))
    pay(sandbox)
    sandbox.clock.advance("10s")
    assert len(inbox.messages) == 1

def test_18_webhook_arrives_twice(sandbox):
    inbox = sandbox.inbox()
    sandbox.use(rules({"webhook": "*", "do": {"duplicate": {"copies": 2}}}))
    pay(sandbox)
    inbox.wait("payment.completed", count=2)

def test_19_webhook_is_delayed(sandbox):
    inbox = sandbox.inbox()
    sandbox.use(rules({"webhook": "*", "do": {"delay": "1h"}}))
    pay(sandbox)
    sandbox.clock.advance("1h")
    inbox.wait("payment.completed")

def test_20_card_is_declined_in_a_dropped_world(sandbox):
    pay(sandbox, card_number=DECLINED)
    sandbox.close()
"""

BY_HAND: Final = {
    "create_payment card_declined": 4,
    "create_payment lost_card": 1,
    "create_payment drop_after_commit": 1,
    "create_payment drop": 1,
    "create_payment internal_error_after_commit": 1,
    "create_payment internal_error": 1,
    "create_refund refund_exceeds_payment": 1,
    "create_refund payment_not_found": 1,
    "retrieve_payment payment_not_found": 1,
    "list_payments invalid_api_key": 1,
    "list_payments rate_limit_exceeded": 1,
    "list_payments invalid_request": 1,
    "list_payments truncate": 1,
    "list_payments malform": 1,
    "payment.completed lost": 1,
    "payment.completed twice": 1,
    "payment.completed late": 1,
}
"""The failures that the twenty tests meet, counted by hand."""

DECLINES: Final = """
from shop import pay

def test_is_declined(sandbox):
    pay(sandbox, card_number="4000000000000002")
"""


def met(found: Mapping[str, Any]) -> dict[str, int]:
    """Return the counts in a file of `--sandbox-coverage-json`."""
    return {
        f"{each.get('operation') or each['event']} {each['failure']}"
        + ("_after_commit" if each.get("commit") else ""): each["count"]
        for each in found["failures"]
        if each["count"]
    }


OF_WORKERS: Final = """
import pytest
from shop import pay

@pytest.mark.parametrize("turn", range(12))
def test_pay(sandbox, sandbox_server, request, turn):
    assert pay(sandbox).status_code == 201
    assert len(sandbox.payments) == 1
    name = request.config.workerinput["workerid"]
    path = request.config.rootpath / f"{name}.told"
    path.write_text(f"{sandbox_server.url} {request.config.workerinput['sandbox_seed']}")
"""


def assert_counted(file: Path, result: pytest.RunResult) -> None:
    """Assert that the twenty tests met what was counted by hand."""
    found = json.loads(file.read_text())
    assert met(found) == BY_HAND
    assert (found["met"], found["total"]) == (17, len(found["failures"]))
    assert found["errors"]["seen"] == [
        "invalid_request", "card_declined", "lost_card", "refund_exceeds_payment",
        "invalid_api_key", "payment_not_found", "rate_limit_exceeded", "internal_error",
    ]  # fmt: skip
    result.stdout.fnmatch_lines(["*coverage of failure: 17 of 98 met (17 %)*seen: 8 of 19"])


def test_coverage_of_twenty_tests_equals_the_manual_count(
    suite: Suite, pytester: pytest.Pytester
) -> None:
    suite.holds(TWENTY)
    file = pytester.path / "coverage.json"

    result = suite.run(f"--sandbox-coverage-json={file}")

    result.assert_outcomes(passed=20)
    assert_counted(file, result)


def test_xdist_workers_have_their_own_servers_the_same_seed_and_one_coverage(
    pytester: pytest.Pytester,
) -> None:
    """The random seed is chosen once for all workers."""
    suite = Suite(pytester, ["xdist"])
    suite.holds(TWENTY, shop=SHOP_MODULE, test_workers=OF_WORKERS)
    file = pytester.path / "coverage.json"

    options = f"--sandbox-coverage-json={file}", "--sandbox-seed", "random"
    result = suite.run("-n", "2", *options)

    result.assert_outcomes(passed=32)
    assert_counted(file, result)
    told = [path.read_text().split() for path in pytester.path.glob("*.told")]
    urls, seeds = zip(*told, strict=True)
    assert len(set(urls)) == len(told)
    assert len(set(seeds)) == 1


def test_coverage_below_fail_under_fails_the_session_with_the_reason(
    suite: Suite, pytester: pytest.Pytester
) -> None:
    """The tests themselves passed."""
    suite.holds(DECLINES)
    page = pytester.path / "coverage.html"

    result = suite.run("--sandbox-coverage-fail-under=50", f"--sandbox-coverage-html={page}")

    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["--sandbox-coverage-fail-under: 1 % of the failures were met, but 50 % are required"]
    )
    assert "<h1>coverage of failure: 1 of 98 met" in page.read_text()


def test_a_suite_without_calls_fails_any_fail_under(suite: Suite) -> None:
    suite.holds("def test_nothing():\n    pass")

    result = suite.run("--sandbox-coverage-fail-under=0")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            (
                "coverage of failure: nothing is covered, because no calls reached a sandbox that"
                " counts failures."
            )
        ]
    )


def test_coverage_of_an_external_server_counts_only_this_session(suite: Suite) -> None:
    """Earlier counts of the server are subtracted."""
    suite.holds(DECLINES)
    with running_sandbox(coverage=True, seed=7) as server:
        options = "--sandbox-coverage", f"--sandbox-url={server.url}"
        suite.run(*options).assert_outcomes(passed=1)
        shown = suite.shown(*options)
        with server.client() as control:
            [call] = control.retrieve_coverage()["calls"]

    assert call["count"] == 2
    assert "coverage of failure: 1 of 98 met" in shown
    [line] = [line for line in shown.splitlines() if line.startswith("card_declined")]
    assert line.split() == ["card_declined", "1"]


def test_an_external_server_without_coverage_is_a_usage_error(suite: Suite) -> None:
    suite.holds(DECLINES)
    with running_sandbox(seed=7) as server:
        result = suite.run("--sandbox-coverage", f"--sandbox-url={server.url}")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "this server does not count failures; start it with --coverage or" in result.stderr.str()


def test_an_overridden_server_without_coverage_is_reported(suite: Suite) -> None:
    suite.holds(
        DECLINES,
        conftest="""
            import pytest
            from payments_sandbox.testing import running_sandbox

            @pytest.fixture(scope="session")
            def sandbox_server():
                with running_sandbox() as server:
                    yield server
        """,
    )

    result = suite.run("--sandbox-coverage")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["cannot read the counts of the server of 'sandbox_server': *start it with*"]
    )


def test_an_unwritable_coverage_file_fails_the_session(
    suite: Suite, pytester: pytest.Pytester
) -> None:
    suite.holds(DECLINES)

    result = suite.run(f"--sandbox-coverage-json={pytester.path / 'nowhere' / 'coverage.json'}")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["cannot write *coverage.json: No such file or directory"])


def test_the_missing_coverage_of_a_killed_worker_is_reported(
    pytester: pytest.Pytester,
) -> None:
    suite = Suite(pytester, ["xdist"])
    suite.holds(f"{DECLINES}\n    import os\n    os.kill(os.getpid(), 9)\n", shop=SHOP_MODULE)

    shown = suite.shown("--sandbox-coverage", "-n", "1", "--max-worker-restart=0")

    assert "gw0 ended early: the failures that its tests met are missing" in shown
