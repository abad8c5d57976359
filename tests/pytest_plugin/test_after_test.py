"""What the plugin does after a test: evaluation, reports, and errors of its own."""

import socket

import pytest

from payments_sandbox.pytest_plugin import options
from payments_sandbox.testing import running_sandbox
from tests.support.process import Suite

pytest_plugins = ["pytester"]


PATCHES = """
import builtins, http.client, json, os, pathlib, socket, time
from shop import pay

def boom(*_, **__):
    raise RuntimeError("this is patched")

def test_sockets(monkeypatch, sandbox):
    sandbox.expect({"request": "create_payment", "count": 1})
    pay(sandbox)
    monkeypatch.setattr(socket, "socket", boom)
    monkeypatch.setattr(socket, "create_connection", boom)
    monkeypatch.setattr(http.client.HTTPConnection, "request", boom)

def test_files(monkeypatch, sandbox):
    pay(sandbox)
    for module, name in [(os, "open"), (os, "write"), (builtins, "open"), (pathlib.Path, "open")]:
        monkeypatch.setattr(module, name, boom)
    assert pay(sandbox, exp_year=1).status_code == 400
    sandbox.use("lost-reply")
    assert 0, "its own failure"

def test_time(monkeypatch, sandbox):
    now = time.time_ns() + 10**18  # thirty years
    for name, per in [("time_ns", 1), ("time", 1e9), ("monotonic", 1e9), ("perf_counter", 1e9)]:
        monkeypatch.setattr(time, name, lambda per=per: now // per)
    assert sandbox.inbox().url in [each["url"] for each in sandbox.webhooks]

def test_json(monkeypatch, sandbox):
    sandbox.expect({"request": "create_payment", "count": 0})
    monkeypatch.setattr(json, "dumps", boom)

def test_the_server(sandbox, sandbox_server):
    sandbox_server.stop()

def test_the_next(): pass
"""


def test_the_plugin_works_although_a_test_replaced_sockets_files_and_time(suite: Suite) -> None:
    """Expectations are still evaluated, and journals are still written."""
    suite.holds(PATCHES)
    result = suite.run()
    result.assert_outcomes(passed=4, failed=2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    shown = result.stdout.str()
    assert "AssertionError: its own failure" in shown
    assert "the expectations of the test could not be judged: RuntimeError: this is pa" in shown
    kept = suite.pytester.path / ".pytest_cache" / "d" / "payments-sandbox"
    assert [file.name.split("test_")[-1][:5] for file in kept.glob("*.json")] == ["files"]


CANNOT_START = """
import socket, threading
import pytest

def boom(*_, **__):
    raise RuntimeError("this is patched")

def timeout(*_):
    raise pytest.fail.Exception("the timeout of the test")

REPLACED = {"test_1_no_sockets": (socket, "socket", boom),
            "test_2_interrupted": (threading.Event, "wait", timeout)}

@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    with pytest.MonkeyPatch.context() as patch:
        if item.name in REPLACED:
            patch.setattr(*REPLACED[item.name])
        yield
"""

STARTS_LATER = """
import threading
from shop import pay

def test_1_no_sockets(sandbox): pass

def test_2_interrupted(sandbox): pass

def test_3_the_next(sandbox):
    pay(sandbox)
    assert len(sandbox.payments) == 1

def test_4_no_other_server_is_left(sandbox_server):
    for each in threading.enumerate():
        if each.name == "payments-sandbox" and each is not sandbox_server._thread:
            each.join()
"""


def test_a_test_that_keeps_the_server_from_starting_fails_alone(suite: Suite) -> None:
    """The next test starts it; pytest itself would repeat the error in all other tests."""
    suite.pytester.makeconftest(CANNOT_START)
    suite.holds(STARTS_LATER)
    result = suite.run()
    result.assert_outcomes(passed=2, errors=2)
    shown = result.stdout.str()
    assert "RuntimeError: this is patched" in shown
    assert "the timeout of the test" in shown


def test_a_server_that_does_not_start_at_all_is_not_awaited_by_every_test(suite: Suite) -> None:
    suite.pytester.makeconftest(
        """
        from payments_sandbox.testing import RunningSandbox

        tries = []

        def start(server):
            tries.append(server)
            raise TimeoutError("the sandbox did not start within 60 s")

        def pytest_configure(): RunningSandbox.start = start

        def pytest_unconfigure(): print("tries:", len(tries))
        """
    )
    suite.holds("def test_a(sandbox): pass\ndef test_b(sandbox): pass")
    result = suite.run()
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["tries: 1"])


def test_a_journal_that_cannot_be_written_is_noted_in_the_report(suite: Suite) -> None:
    suite.holds("def test_a(sandbox): assert 0\ndef test_b(sandbox): pass")
    suite.pytester.path.joinpath(".pytest_cache").touch()
    result = suite.run("-W", "ignore::pytest.PytestCacheWarning")  # pytest's own
    result.assert_outcomes(passed=1, failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["journal: not kept: *Error: *"])


VANISHES = """
import pytest
from shop import pay

@pytest.fixture(scope="session")
def sandbox_options(sandbox_options):
    return {**sandbox_options, "max_worlds": 2}

def test_lost(sandbox, sandbox_server):
    sandbox_server.new_world()

def test_lost_and_failed(sandbox, sandbox_server):
    sandbox_server.new_world()
    assert 0, "its own failure"

def test_given_up(sandbox):
    sandbox.close()

def test_given_up_elsewhere(sandbox):
    sandbox.control.delete_world()
"""


@pytest.mark.parametrize("strict", ["true", "false"])
def test_a_test_whose_world_was_dropped_by_the_server_fails_with_the_reason(
    suite: Suite, strict: str
) -> None:
    """The test's own failure comes first; a world that the test drops itself is fine."""
    suite.holds("", test_it=VANISHES)
    result = suite.run("-o", f"sandbox_strict={strict}")
    result.assert_outcomes(passed=2, failed=2)
    sentence = (
        "the world of this test was dropped while it ran: An earlier world of this key was the"
        " longest idle of 2 worlds (--max-worlds)."
    )
    assert result.stdout.str().count(sentence) >= 2
    result.stdout.fnmatch_lines(["FAILED *::test_lost - Failed: the world of this test was *"])
    assert "AssertionError: its own failure" in result.stdout.str()


ENDS = """
import pytest, requests
from shop import pay

@pytest.fixture
def sold_out(sandbox):
    sandbox.expect({"request": "create_refund"})
    pay(sandbox)
    sandbox.reset()  # what a fixture does is preparation
    return sandbox

ENDINGS = {
    "dropped": lambda world: world.close(),
    "reset": lambda world: world.reset(),
    "restored": lambda world: world.restore(world.snapshot()),
}

@pytest.mark.parametrize("how", ENDINGS)
def test_unmet(sandbox, how):
    sandbox.expect({"payments": {}, "count": {"max": 0}})
    pay(sandbox)
    ENDINGS[how](sandbox)

@pytest.mark.parametrize("how", ENDINGS)
def test_lost_call(make_sandbox, how):
    make_sandbox()
    world = make_sandbox()
    requests.get(world.base_url + "/payment", headers=world.headers, timeout=10)
    ENDINGS[how](world)

def test_reset_in_part(sandbox):
    sandbox.expect({"request": "create_payment", "count": 2})
    pay(sandbox)
    sandbox.reset("rules")
    pay(sandbox)

@pytest.mark.parametrize("met", [{"request": "create_refund", "count": 0}, {"audit": "clean"}])
def test_unused_and_met(sandbox, met):
    sandbox.expect(met)
    sandbox.close()

@pytest.mark.parametrize("give", [
    lambda world: world.expect({"request": "create_payment"}),
    lambda world: world.use("lost-reply"),
])
def test_unused(sandbox_server, give):
    with sandbox_server.new_world() as world:
        give(world)

def test_met_and_reset(sandbox):
    sandbox.expect({"request": "create_payment"})
    pay(sandbox)
    sandbox.reset()

def test_unmet_after_reset(sandbox):
    sandbox.expect({"request": "create_payment", "count": 2})
    sandbox.reset()

@pytest.mark.parametrize("again", [pay, lambda world: world.expect({"request": "create_refund"})])
def test_more_after_reset(sandbox, again):
    sandbox.expect({"request": "create_payment"})
    pay(sandbox)
    sandbox.reset()
    again(sandbox)

def test_restored_unmet(sandbox):
    sandbox.expect({"request": "create_payment", "count": 2})
    before = sandbox.snapshot()
    pay(sandbox)
    pay(sandbox)
    sandbox.restore(before)

def test_prepared(sold_out):
    sold_out.control.remove_active_scenarios()

def test_asked_nowhere(sandbox, sandbox_server, monkeypatch):
    sandbox.expect({"request": "create_payment", "count": 0})
    pay(sandbox)
    monkeypatch.setattr(sandbox, "report", None)
    sandbox.close()

def test_own_failure(sandbox):
    sandbox.expect({"request": "create_payment", "count": 0})
    pay(sandbox)
    sandbox.close()
    assert 0, "its own failure"
"""


def test_expectations_are_evaluated_before_a_test_drops_resets_or_restores_a_world(
    suite: Suite,
) -> None:
    """The failure shows what happened in the world until then."""
    suite.holds("", test_it=ENDS)
    result = suite.run()
    result.assert_outcomes(passed=6, failed=13)
    shown = result.stdout.str()
    for how in ("dropped", "reset", "restored"):
        assert shown.count(f"(before the test {how} it)") >= 2
    assert "POST /v3/payments → 201" in shown
    assert "AssertionError: its own failure" in shown
    assert "could not be judged: TypeError" in shown


def test_without_sandbox_strict_a_test_may_end_its_world_unevaluated(suite: Suite) -> None:
    """Nothing in it is evaluated."""
    suite.holds("", test_it=ENDS)
    suite.run("-o", "sandbox_strict=false").assert_outcomes(passed=18, failed=1)


GIVEN = """
import pytest, requests
from shop import pay

def lose(world):
    requests.get(world.base_url + "/payment", headers=world.headers, timeout=10)

@pytest.fixture
def shop(sandbox_server):
    with sandbox_server.new_world() as world:
        yield world

@pytest.fixture(scope="module")
def wide(sandbox_server):
    world = sandbox_server.new_world()
    lose(world)
    return world

def test_dropped(sandbox_server):
    with sandbox_server.new_world() as world:
        world.expect({"payments": {}, "count": 0})
        pay(world)

def test_left(sandbox_server):
    world = sandbox_server.new_world()
    world.expect({"payments": {}, "count": 0})
    pay(world)

def test_fixture(shop):
    lose(shop)

def test_by_key(sandbox_server):
    lose(sandbox_server.world("sk_test_1"))

def test_innocent(sandbox_server):
    with sandbox_server.new_world() as world:
        world.expect({"payments": {}, "count": 1})
        pay(world)

def test_used_before(sandbox_server):
    headers = {"Authorization": "Bearer sk_test_2"}
    requests.get(sandbox_server.base_url + "/payment", headers=headers, timeout=10)
    assert sandbox_server.world("sk_test_2").requests

def test_wide(wide): pass

def test_given_twice(sandbox, sandbox_server):
    pay(sandbox)
    assert sandbox_server.world(sandbox.api_key).payments == sandbox.payments
    assert 0, "its own failure"
"""


def test_worlds_from_sandbox_server_are_evaluated_for_their_test(suite: Suite) -> None:
    """They come from the test or its fixtures; what other tests did in them does not count."""
    suite.holds("", test_it=GIVEN)
    result = suite.run()
    result.assert_outcomes(passed=3, failed=5)
    result.stdout.fnmatch_lines_random(
        [f"FAILED test_it.py::test_{each}*" for each in ("dropped", "left", "fixture", "by_key")]
    )
    shown = result.stdout.str()
    assert shown.count("POST /v3/payments → 201") == 3  # each world once


SCENARIOS_END = """
import pytest, requests
from payments_sandbox.testing import ControlApiError
from shop import pay

FREE = {"scenario": "free", "expect": [{"payments": {}, "count": 0}]}
PAID = {"scenario": "paid", "expect": [{"payments": {}, "count": 2}]}
FIRED = {
    "scenario": "fired",
    "rules": [{"name": "idle", "request": "create_refund", "do": ["pass"]}],
    "expect": [{"rules": "all_fired"}, {"payments": {}, "count": {"max": 5}}],
}
OTHER = {
    "scenario": "other",
    "rules": [{"name": "busy", "request": "create_payment", "do": ["pass"], "then": "repeat_last"}],
    "expect": [{"rules": "all_fired"}],
}
ONCE = {
    "scenario": "once",
    "rules": [{"name": "once", "request": "create_payment", "do": ["pass"], "then": "fail"}],
}
WAYS = {
    "all": lambda world: world.control.remove_active_scenarios(),
    "one": lambda world: world.control.remove_active_scenarios(name="free"),
    "others": lambda world: world.control.put_active_scenarios([]),
}

@pytest.mark.parametrize("way", WAYS)
def test_unmet(sandbox, way):
    sandbox.use(FREE)
    pay(sandbox)
    WAYS[way](sandbox)

def test_dropped_by_its_client(sandbox):
    sandbox.use(FREE)
    pay(sandbox)
    sandbox.control.delete_world()

def test_dropped_by_another_client(sandbox, sandbox_server):
    sandbox.use(FREE)
    pay(sandbox)
    sandbox_server.client(sandbox.api_key).delete_world()

def test_made_again(sandbox_server):
    world = sandbox_server.new_world(key="sk_test_again")
    world.use(FREE)
    pay(world)
    sandbox_server.new_world(key="sk_test_again")

def test_idle(sandbox):
    sandbox.use(FIRED, OTHER)
    pay(sandbox)
    sandbox.control.remove_active_scenarios(name="fired")

def test_failed(sandbox):
    sandbox.use(ONCE, OTHER)
    pay(sandbox)
    pay(sandbox)
    sandbox.control.remove_active_scenarios(name="once")

def test_busy(sandbox):
    sandbox.use(OTHER, PAID)
    pay(sandbox)
    sandbox.control.remove_active_scenarios(name="other")  # and what is still to come is not judged
    sandbox.control.put_active_scenarios([PAID])
    pay(sandbox)

def test_unused(sandbox):
    sandbox.use(PAID)
    sandbox.control.remove_active_scenarios()

@pytest.mark.parametrize("refused", [
    lambda world: world.control.put_active_scenarios(["no-such"]),
    lambda world: world.restore({}),
])
def test_refused(sandbox, refused):
    sandbox.use(PAID)
    pay(sandbox)  # and one is still to come
    with pytest.raises(ControlApiError):
        refused(sandbox)
    pay(sandbox)

async def check_async(sandbox):
    async with sandbox.async_client() as client:
        await client.remove_active_scenarios()

def test_async(sandbox):
    import asyncio
    sandbox.use(FREE)
    pay(sandbox)
    asyncio.run(check_async(sandbox))
"""


def test_a_scenario_is_evaluated_before_a_test_ends_it(suite: Suite) -> None:
    """Any client of the world may end it; a rejected attempt evaluates nothing."""
    suite.holds("", test_it=SCENARIOS_END)
    result = suite.run()
    result.assert_outcomes(passed=4, failed=9)
    shown = result.stdout.str()
    assert shown.count("(before the test ended free in it)") >= 4
    assert shown.count("never fired: idle") >= 1
    assert "a rule failed: once: " in shown


SHARED = """
import pytest, requests

def lose(world):
    requests.get(world.base_url.removesuffix("/v3") + "/payments", headers=world.headers)

@pytest.fixture(scope="module")
def shared(sandbox_server):
    with sandbox_server.new_world() as world:
        yield world
"""

SHARES = f"""{SHARED}
class TestOneObject:
    @pytest.fixture
    def sandbox(self, shared):
        return shared

    def test_1_lost(self, sandbox): lose(sandbox)
    def test_2_innocent(self, sandbox): pass
    def test_3_lost(self, sandbox): lose(sandbox)

class TestOneKey:
    @pytest.fixture
    def sandbox(self, sandbox_server):
        return sandbox_server.world("sk_test_shop")

    def test_1_failed(self, sandbox):
        lose(sandbox)
        assert 0, "its own failure"

    def test_2_innocent(self, sandbox): pass
"""


def test_a_test_does_not_fail_for_calls_of_others_in_a_shared_world(
    suite: Suite,
) -> None:
    suite.holds("", test_it=SHARES)
    result = suite.run()
    shown = result.stdout.str()
    result.assert_outcomes(passed=2, failed=3)
    assert "FAILED test_it.py::TestOneObject::test_1_lost - Failed: GET /payments" in shown
    assert "FAILED test_it.py::TestOneObject::test_3_lost - Failed: GET /payments" in shown
    assert "AssertionError: its own failure" in shown


RESETS = f"""{SHARED}
class TestBefore:
    @pytest.fixture
    def sandbox(self, shared):
        return shared

    @pytest.fixture(autouse=True)
    def fresh(self, sandbox):
        sandbox.reset()

    def test_1_lost(self, sandbox): lose(sandbox)
    def test_2_lost(self, sandbox): lose(sandbox)

class TestInside:
    @pytest.fixture
    def sandbox(self, sandbox_server):
        return sandbox_server.world("sk_test_shop")

    def test_1_lost(self, sandbox): lose(sandbox)

    def test_2_innocent(self, sandbox):
        sandbox.reset("payments")

    def test_3_lost(self, sandbox):
        sandbox.reset("journal")
        lose(sandbox)
"""


def test_a_test_fails_for_its_own_calls_after_a_reset_of_a_shared_world(
    suite: Suite,
) -> None:
    """After a reset, calls have the same ids as those of earlier tests."""
    suite.holds("", test_it=RESETS)
    result = suite.run()
    result.assert_outcomes(passed=1, failed=4)
    result.stdout.no_fnmatch_line("FAILED *innocent*")


FAILS_ITSELF = """
import pytest, requests

@pytest.fixture(scope="module")
def sandbox(sandbox_server):
    return sandbox_server.new_world()

def test_1_misspelt(sandbox):
    requests.get(f"{sandbox.base_url}/paymets", headers=sandbox.headers, timeout=10)

def test_2_fails(sandbox):
    requests.get(f"{sandbox.base_url}/charges", headers=sandbox.headers, timeout=10)
    assert 0, "its own failure"
"""


def test_a_failure_names_only_the_tests_own_calls_as_a_reason(suite: Suite) -> None:
    """The timeline of a shared world also shows earlier ones."""
    suite.holds("", test_it=FAILS_ITSELF)
    result = suite.run()
    result.assert_outcomes(failed=2)
    of_second = result.stdout.str().partition("_ test_2_fails _")[2]
    assert "GET /v3/charges: the API has no such call" in of_second
    assert "GET /v3/paymets → 404" in of_second
    assert "GET /v3/paymets: the API has no such call" not in of_second.partition("= short test")[0]


FOR_ALL = """
import pytest
from shop import pay

@pytest.fixture(scope="session")
def sandbox_options(sandbox_options):
    return {**sandbox_options, "scenarios": ["charged-but-500"]}

def test_used(sandbox):
    pay(sandbox)
    pay(sandbox)

def test_unused(sandbox): pass
"""


def test_scenarios_of_the_server_are_evaluated_only_in_used_worlds(suite: Suite) -> None:
    """`run --scenario` does the same."""
    suite.holds("", test_it=FOR_ALL)
    result = suite.run()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["FAILED *::test_used - Failed: not met: *"])


OVERRIDES = """
import pytest
from shop import pay

class TestMade:
    @pytest.fixture
    def sandbox(self, make_sandbox):
        return make_sandbox()

    @pytest.mark.sandbox_scenario("lost-reply")
    @pytest.mark.sandbox_clock("2030-01-15T09:00:00Z")
    def test_marks_of_what_is_made(self, sandbox):
        assert sandbox.clock.is_frozen
        assert len(sandbox.control.list_active_scenarios()["data"]) == 1
        sandbox.control.remove_active_scenarios()  # which nobody has used

class TestByKey:
    @pytest.fixture
    def sandbox(self, sandbox_server):
        return sandbox_server.world("sk_test_shop")

    @pytest.mark.sandbox_scenario("lost-reply")
    @pytest.mark.sandbox_clock("2030-01-15T09:00:00Z")
    def test_marks(self, sandbox):
        assert sandbox.clock.is_frozen
        assert len(sandbox.control.list_active_scenarios()["data"]) == 1

    def test_marks_of_another(self, sandbox):
        assert sandbox.control.list_active_scenarios()["data"] == []

    def test_section(self, sandbox):
        pay(sandbox)
        assert 0

class TestAround:
    @pytest.fixture
    def sandbox(self, sandbox_server):
        class Shop:
            def __init__(self):
                self.world = sandbox_server.new_world()
        return Shop()

    @pytest.mark.sandbox_scenario("lost-reply")
    def test_unmet(self, sandbox):
        assert pay.__module__ == "shop"

class TestOther:
    @pytest.fixture
    def sandbox(self):
        return "a box of sand"

    def test_unmarked(self, sandbox):
        assert sandbox

    @pytest.mark.sandbox_clock("2030-01-15")
    def test_marked(self, sandbox):
        assert sandbox
"""

SHARED = """
import pytest

@pytest.fixture(scope="module")
def sandbox(sandbox_server):
    return sandbox_server.new_world()

def test_judged(sandbox):
    sandbox.expect({"request": "create_payment", "count": 3})
"""


def test_an_overridden_sandbox_fixture_keeps_marks_evaluation_and_report_section(
    suite: Suite,
) -> None:
    suite.holds("", test_own=OVERRIDES, test_shared=SHARED)
    result = suite.run()
    result.assert_outcomes(passed=3, failed=4, errors=1)
    shown = result.stdout.str()
    assert shown.count("- payments sandbox -") == 4
    assert shown.count("world sk_test_shop, seed") == 2
    assert shown.count('not met: {"order": ["create_payment", "list_payments"]}') >= 2
    assert "sandbox_clock: the fixture 'sandbox' of this suite returns str, not a world" in shown


def test_marks_that_an_overridden_fixture_cannot_apply_are_collection_errors(suite: Suite) -> None:
    """The errors say what is expected."""
    suite.holds(
        """
        import pytest

        @pytest.fixture(scope="module")
        def sandbox(sandbox_server): return sandbox_server.new_world()

        @pytest.mark.sandbox_clock("2030-01-15")
        def test_scope(sandbox): ...

        @pytest.mark.sandbox_world("sk_test_shop")
        def test_place(sandbox): ...

        @pytest.mark.sandbox_world(key="shop")
        def test_form(sandbox): ...
        """,
        test_own="""
        import pytest

        @pytest.fixture
        def sandbox(make_sandbox): return make_sandbox()

        @pytest.mark.sandbox_world(key="sk_test_shop")
        def test_key(sandbox): ...
        """,
    )
    suite.run().stdout.fnmatch_lines_random(
        [
            "*::test_scope: marks require a world for each test, but the fixture 'sandbox' *",
            "*::test_key: a world gets its key and seed when it is made, but the fixture *",
            "*::test_place: sandbox_world: expected a key, as in sandbox_world(key='sk_test_shop')",
            "*::test_form: sandbox_world: expected sk_test_ and 1 to 64 letters, digits, *",
        ]
    )


def test_sandbox_world_gives_each_test_a_new_world_with_a_fixed_key(suite: Suite) -> None:
    """The world is new even if the key was used before, and has the name of the test."""
    suite.holds(
        """
        import pytest
        from shop import pay

        pytestmark = pytest.mark.sandbox_world(key="sk_test_shop")

        @pytest.mark.parametrize("turn", range(2))
        def test_key(sandbox, sandbox_server, turn):
            assert (sandbox.api_key, sandbox.payments) == ("sk_test_shop", [])
            assert sandbox.made["name"].endswith(f"::test_key[{turn}]")
            pay(sandbox)

        def test_built_on_ours(sandbox, sandbox_server):
            assert sandbox.payments == []
        """
    )
    suite.run().assert_outcomes(passed=3)


def test_an_undocumented_call_fails_its_test_if_strict(suite: Suite) -> None:
    """It may have an unknown path or method; an unknown id does not count."""
    suite.holds(
        "",
        test_it="""
        import requests

        def get(sandbox, path, method="GET"):
            url = sandbox.base_url + path
            return requests.request(method, url, headers=sandbox.headers, timeout=10).status_code

        def test_path(sandbox): assert get(sandbox, "/payment") == 404
        def test_method(sandbox): assert get(sandbox, "/payments", "DELETE") == 405
        def test_id(sandbox): assert get(sandbox, "/payments/pay_0123456789abcdef") == 404
        def test_own(sandbox): assert get(sandbox, "/payment") == 200
        """,
    )
    result = suite.run()
    result.assert_outcomes(passed=1, failed=3)
    result.stdout.fnmatch_lines(
        [
            "GET /v3/payment: the API has no such call; did you mean GET /v3/payments?",
            "DELETE /v3/payments: the API has no such call; did you mean *",
            "*assert 404 == 200",
            "FAILED test_it.py::test_path - Failed: GET /v3/payment: the API has no such *",
        ]
    )
    suite.run("-o", "sandbox_strict=false").assert_outcomes(passed=3, failed=1)


def test_the_failure_section_has_a_timeline(suite: Suite) -> None:
    """The timeline has requests, events, attempts and clock moves; the audit is shown too."""
    suite.holds(
        """
        import pytest, requests
        from shop import pay

        @pytest.mark.sandbox_clock("2030-01-15T09:00:00Z")
        def test_it(sandbox):
            sandbox.inbox("shop").respond(404)
            pay(sandbox)
            with pytest.raises(OSError):
                pay(sandbox, card_number="4000009900000079")
            pay(sandbox)
            sandbox.clock.advance("1h")
            sandbox.verify({"request": "create_payment", "count": 5})
        """
    )
    result = suite.run("--sandbox-html")
    result.stdout.fnmatch_lines(
        [
            "*- payments sandbox -*",
            "audit: possible_double_charge: *",
            "world sk_test_*",
            "req_* at 2030-01-15T09:00:00*: POST /v3/payments → 201",
            "evt_* at 2030-01-15T09:00:00*: payment.completed pay_*",
            "dlv_* at 2030-01-15T09:00:00*: payment.completed to inbox:shop → 404 after * ms",
            "req_* at 2030-01-15T09:00:00*: POST /v3/payments → fault *",
            "  answered by card:*",
            "evt_* at 2030-01-15T09:00:00*: payment.completed pay_*",
            "dlv_* at 2030-01-15T09:00:00*: payment.completed to inbox:shop → 200 after * ms",
            "req_* at 2030-01-15T09:00:00*: POST /v3/payments → 201",
            "evt_* at 2030-01-15T09:00:00*: payment.completed pay_*",
            "dlv_* at 2030-01-15T09:00:00*: payment.completed to inbox:shop → 200 after * ms",
            "clock at 2030-01-15T09:00:00*: moved to 2030-01-15T10:00:00*",
            "dlv_* at 2030-01-15T09:00:05*: payment.completed to inbox:shop → 200 after * ms",
            "journal: *.json, *.html",
            "FAILED *::test_it - not met: {*",
        ]
    )
    shown = result.stdout.str()
    assert "raise_if_unmet" not in shown  # the traceback ends in the test
    [page] = suite.pytester.path.glob(".pytest_cache/d/payments-sandbox/*.html")
    text = page.read_text(encoding="utf-8")
    assert text.count('<details class="attempt">') == 4
    assert not {"<script", "http-equiv", "src=", "href="} & set(text.lower().split())


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_an_unreachable_sandbox_url_is_one_usage_error(
    suite: Suite, workers: tuple[str, ...]
) -> None:
    suite = Suite(suite.pytester, ("xdist",) if workers else ())
    suite.holds(
        """
        import pytest

        @pytest.mark.sandbox_scenario("lost-reply")
        def test_one(sandbox): ...

        def test_two(make_sandbox): ...
        """
    )
    result = suite.run(*workers, "--sandbox-url", "127.0.0.1:1")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.stderr.str().strip() == (
        "ERROR: no sandbox answers at http://127.0.0.1:1: Connection refused;"
        " payments-sandbox serve starts one, and --sandbox-url selects another"
    )
    assert "no sandbox answers" not in result.stdout.str()


def test_a_sandbox_url_that_does_not_answer_is_a_usage_error(suite: Suite) -> None:
    """The timeout is half a minute, as for commands, and is shortened here."""
    assert options.PATIENCE == 30
    suite.pytester.makeconftest(
        "from payments_sandbox.pytest_plugin import options\noptions.PATIENCE = 0.05"
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        suite.holds("def test_it(sandbox): ...")
        result = suite.run("--sandbox-url", url)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.stderr.str().strip() == (
        f"ERROR: {url} does not answer; --sandbox-url selects another server"
    )


def test_a_server_lost_during_the_session_is_one_line_per_test(suite: Suite) -> None:
    """The line says what to do; an error of the test's own request is shown at its line."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # without listening
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        suite.holds(
            f"""
            import pytest
            from payments_sandbox.testing import Server

            @pytest.fixture(scope="session")
            def sandbox_server():
                return Server("{url}")

            def test_fixture(sandbox): ...

            def test_asking(sandbox_server): sandbox_server.client().live()
            """
        )
        result = suite.run()
    result.assert_outcomes(errors=1, failed=1)
    shown = result.stdout.str()
    assert f"no sandbox answers at {url}: Connection refused; payments-sandbox serve" in shown
    for library in ("contextlib", "http/client.py", "During handling", "direct cause"):
        assert library not in shown


def test_a_missing_control_token_is_a_usage_error_if_a_test_needs_a_world(suite: Suite) -> None:
    suite.holds("def test_it(sandbox): ...")
    with running_sandbox(control_token="t0ken") as server:
        result = suite.run("--sandbox-url", server.url)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        assert "PAYMENTS_SANDBOX_CONTROL_TOKEN to its token" in result.stderr.str()
    suite.holds("def test_it(): ...")
    suite.run("--sandbox-url", server.url).assert_outcomes(passed=1)
