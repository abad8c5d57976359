"""`sandbox_explore`: a test becomes an exploration inside the session."""

import re
from typing import Final

import pytest

from payments_sandbox.scenarios.loader import load
from payments_sandbox.testing import running_sandbox
from tests.support.process import Suite

pytest_plugins = ["pytester"]

WITHOUT_SOCKETS: Final = """
import httpx
import pytest
from payments_sandbox.testing import MemorySandbox, SandboxTransport

@pytest.fixture(scope="session")
def sandbox_server():
    with MemorySandbox() as server:
        yield server

@pytest.fixture
def api(sandbox, sandbox_server):
    with httpx.Client(transport=SandboxTransport(sandbox_server), base_url=sandbox.base_url,
                      headers=sandbox.headers, timeout=1) as api:
        yield api
"""
"""A `conftest.py` with a fixture that uses a world, as real suites have them."""

SHOP: Final = """
import httpx

CARD = {"type": "card", "card_number": "4111111111111111", "exp_month": 12, "exp_year": 2099,
        "cvc": "123"}
ORDER = {"amount": 4200, "currency": "USD", "customer_id": "cust_ada", "payment_method": CARD}

def pay(api):
    try:
        reply = api.post("/payments", json=ORDER)
        return "unknown" if reply.status_code >= 500 else reply.json()["status"]
    except (httpx.HTTPError, ValueError):
        return "unknown"

def is_paid(api):
    for _ in range(3):
        try:
            return bool(api.get("/payments", params={"customer_id": "cust_ada"}).json()["data"])
        except httpx.HTTPError:
            pass
    return False
"""

FAULTS: Final = "drop_after_commit,drop,card_declined,malform_after_commit"
SUITE: Final = f"""
import os
import httpx
import pytest
from payments_sandbox.testing import MemorySandbox, SandboxTransport
from shop import ORDER, is_paid, pay

@pytest.fixture(scope="module")
def module():
    return []

@pytest.fixture
def runs(module):
    module.append(1)
    return module

@pytest.mark.sandbox_explore(faults="{FAULTS}")
def test_naive(api):
    while (status := pay(api)) == "unknown":
        pass
    assert status == "completed"

@pytest.mark.sandbox_explore(faults="{FAULTS}", depth=2)
def test_careful(api, runs, tmp_path, caplog, capsys):
    print("not shown")
    for _ in range(3):
        if is_paid(api):
            return
        try:
            status = pay(api)
        except KeyError:
            pytest.fail("refused")
        if status == "completed":
            return
    pytest.fail("nobody knows")

def test_runs(runs):
    assert sum(runs) > 10

@pytest.mark.sandbox_explore
def test_broken(api):
    pay(api)
    assert not "ever"

@pytest.mark.sandbox_explore(faults="refund_declined")
def test_without_refunds(api):
    pay(api)

@pytest.mark.sandbox_explore(faults="drop_after_commit")
def test_gives_up(api):
    if pay(api) == "unknown":
        pytest.skip("who knows")

@pytest.fixture
def paid(api):
    assert pay(api) == "completed"

@pytest.mark.sandbox_explore(faults="drop")
def test_paid_before(paid):
    pass

@pytest.mark.sandbox_explore
def test_silent(sandbox):
    with MemorySandbox() as own, own.new_world() as world:
        api = httpx.Client(transport=SandboxTransport(own), base_url=world.base_url)
        assert api.get("/payments", headers=world.headers).status_code == 200

@pytest.mark.sandbox_explore
@pytest.mark.skip
def test_skipped(sandbox):
    pass
"""


def suite_of(pytester: pytest.Pytester, code: str, *plugins: str) -> Suite:
    suite = Suite(pytester, plugins)
    suite.holds(code, conftest=WITHOUT_SOCKETS, shop=SHOP)
    return suite


LOST: Final = (
    "create_payment of cust_ada, 1st: the connection breaks and no reply comes, although the"
    " operation took effect"
)


def test_sandbox_explore_runs_a_test_per_failure_as_subtests(
    pytester: pytest.Pytester,
) -> None:
    result = suite_of(pytester, SUITE).run()

    shown = result.stdout.str()
    summary = [line for line in shown.splitlines() if line.startswith(("SUBFAILED", "FAILED"))]
    failed = [line.partition("[")[2].partition("]")[0] for line in summary if "SUBF" in line]
    assert sorted(failed) == [
        "create_payment of cust_ada, 1st: the card was declined",
        *[LOST] * 3,
        LOST.replace("although the operation took effect", "and nothing happened"),
        (
            "create_payment of cust_ada, 1st: the reply is not JSON, although the operation took"
            " effect"
        ),
    ]
    assert [line.split("::")[1].split()[0] for line in summary if "SUBF" not in line] == [
        "test_naive", "test_broken", "test_without_refunds", "test_gives_up", "test_paid_before",
        "test_silent",
    ]  # fmt: skip
    assert "double_charge: cust_ada paid 8400 USD, but 4200 without the failure." in shown
    assert "crash: It crashed: KeyError: 'status'." in shown
    assert "sandbox_explore: it fails even without a failure: exit status 1" in shown
    assert "sandbox_explore: no failure was tried: no call of the test can meet one" in shown
    assert "sandbox_explore: it made no calls: it must call a world of 'sandbox'" in shown
    assert "those of a server that the test makes itself, such as MemorySandbox()" in shown
    assert (
        "lost_payment: The ledger contains create_payment of 4200 USD, whose reply was lost"
        in shown
    )
    assert "1 skipped" in shown
    assert "test_runs" not in "".join(summary)


def above_summary(shown: str) -> str:
    """Return what pytest prints above its summary, which repeats failures on CI systems."""
    return shown.partition(" short test summary info ")[0]


def test_without_subtests_one_failure_lists_findings_and_their_scenarios(
    pytester: pytest.Pytester,
) -> None:
    code = SUITE.replace(", depth=2", "")
    suite = suite_of(pytester, code)
    result = suite.run("-p", "no:subtests", "-k", "naive or careful")

    result.assert_outcomes(passed=1, failed=1)
    shown = above_summary(result.stdout.str())
    assert shown.count("double_charge: ") == 1
    assert shown.count("crash: ") == 1

    told = re.search(r"(\d\S+)\.yaml, for a mark sandbox_scenario:\n((?:  .*\n)+)", shown)
    assert told is not None
    text = re.sub("(?m)^  ", "", told[2])
    assert load(text, name=told[1]).problems == ()
    name = f"{told[1]}.yaml"
    (pytester.path / name).write_text(text)
    suite.holds(code.replace(f'sandbox_explore(faults="{FAULTS}")', f'sandbox_scenario("{name}")'))

    assert "expected a total of 4200, saw 2" in suite.shown("-k", "naive")


def test_tests_over_sockets_and_async_tests_can_be_explored(
    pytester: pytest.Pytester,
) -> None:
    suite = Suite(pytester, ["asyncio"])
    suite.holds(
        """
        import httpx
        import pytest
        from shop import ORDER

        @pytest.mark.sandbox_explore(faults="drop_after_commit")
        def test_blocking(sandbox):
            with httpx.Client(base_url=sandbox.base_url, headers=sandbox.headers) as api:
                try:
                    api.post("/payments", json=ORDER)
                except httpx.HTTPError:
                    assert api.get("/payments").json()["data"]

        @pytest.mark.asyncio
        @pytest.mark.sandbox_explore(faults="drop_after_commit")
        async def test_awaiting(sandbox):
            async with httpx.AsyncClient(base_url=sandbox.base_url, headers=sandbox.headers) as api:
                try:
                    await api.post("/payments", json=ORDER)
                except httpx.HTTPError:
                    await api.post("/payments", json=ORDER)
        """,
        shop=SHOP,
    )

    shown = suite.shown()

    assert "SUBFAILED" in shown
    assert above_summary(shown).count("double_charge: cust_ada paid 8400 USD") == 1
    assert "test_blocking" not in "".join(re.findall("(?m)^FAILED.*", shown))


NONSENSE: Final = {
    "(depth=3)\ndef test(sandbox):": "sandbox_explore: expected depth=1 or depth=2, not 3",
    "(faults='drops')\ndef test(sandbox):": (
        "there is no failure, set or file 'drops'*did you mean drop"
    ),
    "(2)\ndef test(sandbox):": "sandbox_explore: expected only depth and faults",
    "()\ndef test():": "sandbox_explore requires the fixture 'sandbox'",
}
"""Arguments and test of an invalid mark, and the expected error."""


def test_an_invalid_sandbox_explore_mark_is_a_collection_error(pytester: pytest.Pytester) -> None:
    suite = Suite(pytester)
    for number, code in enumerate(NONSENSE):
        text = f"import pytest\n@pytest.mark.sandbox_explore{code}\n    pass"
        suite.holds("", **{f"test_{number}": text})

    result = suite.run()

    result.assert_outcomes(errors=len(NONSENSE))
    result.stdout.fnmatch_lines(
        [f"test_{number}.py::*{said}*" for number, said in enumerate(NONSENSE.values())]
    )


def test_sandbox_explore_with_sandbox_url_is_rejected(pytester: pytest.Pytester) -> None:
    suite = Suite(pytester)
    suite.holds("import pytest\n@pytest.mark.sandbox_explore\ndef test(sandbox):\n    pass")
    with running_sandbox() as server:
        shown = suite.shown(f"--sandbox-url={server.url}")

    assert (
        "sandbox_explore requires a server in this process; not allowed with --sandbox-url" in shown
    )
