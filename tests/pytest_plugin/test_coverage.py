"""Coverage of failure in a session: what the tests of a suite have met, whoever ran them."""

import json
from collections.abc import Mapping
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

def test_02_is_declined(sandbox):
    pay(sandbox, card_number=DECLINED)

def test_03_is_declined_before_and_after_a_reset(sandbox):
    pay(sandbox, card_number=DECLINED)
    sandbox.reset()
    pay(sandbox, card_number=DECLINED)

def test_04_is_declined_by_a_rule(sandbox):
    sandbox.use(rules({"request": "create_payment", "do": [{"respond": {"error": "lost_card"}}]}))
    pay(sandbox)

@pytest.mark.sandbox_scenario("lost-reply")
def test_05_loses_the_reply(sandbox):
    with pytest.raises(requests.ConnectionError):
        pay(sandbox)
    get(sandbox, "/payments")

def test_06_loses_the_request(sandbox):
    sandbox.use(rules({"request": "create_payment", "do": [{"drop": {"commit": False}}]}))
    with pytest.raises(requests.ConnectionError):
        pay(sandbox)

def test_07_meets_an_error_of_the_server_after_all(sandbox):
    cards = {each["name"]: each["number"] for each in sandbox.control.list_cards()["data"]}
    pay(sandbox, card_number=cards["server_error_after_commit"])

def test_08_meets_an_error_of_the_server(sandbox):
    cards = {each["name"]: each["number"] for each in sandbox.control.list_cards()["data"]}
    pay(sandbox, card_number=cards["server_error"])

def test_09_gives_too_much_back(sandbox):
    refund(sandbox, pay(sandbox).json()["id"], 9999)

def test_10_gives_back_what_nobody_paid(sandbox):
    refund(sandbox, "pay_none", 1)

def test_11_looks_for_what_is_not_there(sandbox):
    get(sandbox, "/payments/pay_none")

def test_12_has_no_key(sandbox):
    get(sandbox, "/payments", Authorization="Bearer nonsense")

def test_13_calls_too_often(make_sandbox):
    world = make_sandbox(rate_limit=1)
    get(world, "/payments")
    get(world, "/payments")

def test_14_asks_for_nonsense(sandbox):
    get(sandbox, "/payments?limit=many")

def test_15_gets_half_of_a_list(sandbox):
    sandbox.use(rules({"request": "list_payments", "do": [{"truncate": {"keep": "50%"}}]}))
    with pytest.raises(requests.exceptions.RequestException):
        get(sandbox, "/payments")

def test_16_gets_a_list_of_a_proxy(sandbox):
    sandbox.use(rules({"request": "list_payments", "do": [{"malform": {"as": "html"}}]}))
    get(sandbox, "/payments")

def test_17_misses_a_webhook(sandbox):
    inbox = sandbox.inbox()
    sandbox.use(rules({"webhook": "*", "when": {"attempt": 1}, "do": {"drop": True}}))
    pay(sandbox)
    sandbox.clock.advance("10s")
    assert len(inbox.messages) == 1

def test_18_hears_it_twice(sandbox):
    inbox = sandbox.inbox()
    sandbox.use(rules({"webhook": "*", "do": {"duplicate": {"copies": 2}}}))
    pay(sandbox)
    inbox.wait("payment.completed", count=2)

def test_19_hears_of_it_late(sandbox):
    inbox = sandbox.inbox()
    sandbox.use(rules({"webhook": "*", "do": {"delay": "1h"}}))
    pay(sandbox)
    sandbox.clock.advance("1h")
    inbox.wait("payment.completed")

def test_20_is_declined_in_a_world_that_goes(sandbox):
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
"""What the twenty tests meet, counted by reading them."""

DECLINES: Final = """
from shop import pay

def test_is_declined(sandbox):
    pay(sandbox, card_number="4000000000000002")
"""


def met(found: Mapping[str, Any]) -> dict[str, int]:
    """What a file of `--sandbox-coverage-json` says was met."""
    return {
        f"{each.get('operation') or each['event']} {each['failure']}"
        + ("_after_commit" if each.get("commit") else ""): each["count"]
        for each in found["failures"]
        if each["count"]
    }


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "two workers"])
def test_the_coverage_of_twenty_tests_is_what_a_hand_counts(
    workers: tuple[str, ...], pytester: pytest.Pytester
) -> None:
    suite = Suite(pytester, ["xdist"])
    suite.holds(TWENTY, shop=SHOP_MODULE)
    file = pytester.path / "coverage.json"

    result = suite.run(f"--sandbox-coverage-json={file}", *workers)

    result.assert_outcomes(passed=20)
    found = json.loads(file.read_text())
    assert met(found) == BY_HAND
    assert (found["met"], found["total"]) == (17, len(found["failures"]))
    assert found["errors"]["seen"] == [
        "invalid_request", "card_declined", "lost_card", "refund_exceeds_payment",
        "invalid_api_key", "payment_not_found", "rate_limit_exceeded", "internal_error",
    ]  # fmt: skip
    result.stdout.fnmatch_lines(["*coverage of failure: 17 of 98 met (17 %)*seen: 8 of 19"])


def test_too_little_fails_the_session_and_says_why(suite: Suite, pytester: pytest.Pytester) -> None:
    """Each test has passed all the same."""
    suite.holds(DECLINES)
    page = pytester.path / "coverage.html"

    result = suite.run("--sandbox-coverage-fail-under=50", f"--sandbox-coverage-html={page}")

    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["--sandbox-coverage-fail-under: 1 % of the failures were met, and 50 % are wanted"]
    )
    assert "<h1>coverage of failure: 1 of 98 met" in page.read_text()


def test_a_suite_without_a_call_covers_nothing_and_that_is_never_enough(suite: Suite) -> None:
    suite.holds("def test_nothing():\n    pass")

    result = suite.run("--sandbox-coverage-fail-under=0")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["coverage of failure: nothing is covered, for no call has reached a sandbox that counts."]
    )


def test_a_server_that_runs_elsewhere_is_asked_for_what_this_suite_has_met(suite: Suite) -> None:
    """What it had counted before is not this suite's."""
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


def test_a_server_elsewhere_that_counts_nothing_is_refused_before_a_test_runs(suite: Suite) -> None:
    suite.holds(DECLINES)
    with running_sandbox(seed=7) as server:
        result = suite.run("--sandbox-coverage", f"--sandbox-url={server.url}")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "this server counts no failures; start it with --coverage, or" in result.stderr.str()


def test_a_server_of_the_suites_own_that_counts_nothing_is_told(suite: Suite) -> None:
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
        ["the server of 'sandbox_server' has not told what it counted: *start it with*"]
    )


def test_a_percentage_beyond_all_is_refused(suite: Suite) -> None:
    result = suite.run("--sandbox-coverage-fail-under=101")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--sandbox-coverage-fail-under" in result.stderr.str()


def test_a_file_that_cannot_be_written_fails_the_session(
    suite: Suite, pytester: pytest.Pytester
) -> None:
    suite.holds(DECLINES)

    result = suite.run(f"--sandbox-coverage-json={pytester.path / 'nowhere' / 'coverage.json'}")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["cannot write *coverage.json: No such file or directory"])


def test_what_a_worker_had_met_that_was_killed_is_missing_and_that_is_told(
    pytester: pytest.Pytester,
) -> None:
    suite = Suite(pytester, ["xdist"])
    suite.holds(f"{DECLINES}\n    import os\n    os.kill(os.getpid(), 9)\n", shop=SHOP_MODULE)

    shown = suite.shown("--sandbox-coverage", "-n", "1", "--max-worker-restart=0")

    assert "gw0 has ended early: what its tests have met is missing" in shown
