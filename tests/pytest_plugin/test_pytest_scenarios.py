"""Scenarios in the pytest plugin: marks, strictness, and reports of failed tests."""

import pytest

from payments_sandbox.testing import running_sandbox
from tests.support.process import Suite

pytest_plugins = ["pytester"]

DECLINES = """\
scenario: declines
rules:
  - name: first-is-declined
    request: create_payment
    do: [{respond: {error: card_declined}}]
expect:
  - {request: create_payment, count: 2}
"""


@pytest.fixture
def suite(suite: Suite) -> Suite:
    """Return a suite with a folder of scenarios."""
    suite.pytester.mkdir("ours").joinpath("declines.yaml").write_text(DECLINES)
    return suite


MARKED = """
import pytest
from shop import pay

pytestmark = pytest.mark.sandbox_scenario("ours/declines.yaml")

def test_by_path(sandbox):
    assert [pay(sandbox).status_code for _ in range(2)] == [400, 201]

@pytest.mark.sandbox_scenario("second", seed=7)
def test_stacked(sandbox):
    assert sandbox.seed == 7
    active = sandbox.control.list_active_scenarios()["data"]
    assert [each["name"] for each in active] == ["declines", "second"]
    assert [pay(sandbox).status_code for _ in range(2)] == [400, 201]

def test_factory(make_sandbox):
    assert pay(make_sandbox("second")).status_code == 201
"""
SECOND = "scenario: second\nrules: [{request: list_payments, do: [pass]}]\n"


@pytest.mark.parametrize("is_shared", [False, True])
def test_sandbox_scenario_marks_activate_scenarios_by_name_and_path(
    suite: Suite, *, is_shared: bool
) -> None:
    """This works on the suite's own server and on one that does not know the scenarios."""
    suite.pytester.path.joinpath("ours", "second.yaml").write_text(SECOND)
    suite.holds(MARKED)
    with running_sandbox() as server:
        told = ("--sandbox-url", server.url) if is_shared else ()
        suite.run("--sandbox-scenarios", "ours", *told).assert_outcomes(passed=3)


def test_scenario_names_are_resolved_by_a_running_server(suite: Suite) -> None:
    """A name that the server does not know is a collection error."""
    suite.holds(
        """
        import pytest

        @pytest.mark.sandbox_scenario("declines")
        def test_known(sandbox): sandbox.control.remove_active_scenarios()

        @pytest.mark.sandbox_scenario("declnes")
        def test_unknown(sandbox): ...
        """
    )
    with running_sandbox(scenario_dirs=[suite.pytester.path / "ours"]) as server:
        told = ("--sandbox-url", server.url)
        bad = suite.run(*told)
        bad.assert_outcomes(errors=1)
        # Where CI is set, the summary repeats the line.
        [line] = {line for line in bad.stdout.lines if "there is no scenario" in line}
        assert line.endswith("there is no scenario 'declnes'; did you mean 'declines'?")


STRICT = """
from shop import pay

def test_unmet(sandbox):
    sandbox.expect({"request": "create_payment", "count": 2})
    pay(sandbox)

def test_failing(sandbox):
    sandbox.expect({"request": "create_payment", "count": 2})
    assert 1 == 2, "its own failure"

def test_met(sandbox):
    sandbox.expect({"request": "create_payment", "count": 1})
    pay(sandbox)

def test_given_up(sandbox):
    scenario = {
        "scenario": "fails",
        "rules": [{"name": "once", "request": "create_payment", "do": ["pass"], "then": "fail"}],
    }
    sandbox.use(scenario)
    assert [pay(sandbox).status_code for _ in range(2)] == [201, 500]
"""


def test_unmet_expectations_fail_the_test_in_its_call_phase(suite: Suite) -> None:
    """A failure of the test itself comes first."""
    suite.holds(STRICT)
    result = suite.run()
    result.assert_outcomes(passed=1, failed=3, errors=0)
    shown = result.stdout.str()
    assert 'not met:\n{"request": "create_payment", "count": 2}: ' in shown
    assert "AssertionError: its own failure" in shown
    assert "During handling of the above exception" not in shown
    assert "a rule failed:\nonce: ran out of steps once (then: fail)" in shown
    assert shown.count("- payments sandbox -") == 3
    assert "rule once: ran out of steps once (then: fail)" in shown


def test_with_sandbox_strict_false_only_own_failures_count(suite: Suite) -> None:
    """The option is set in the ini file."""
    suite.holds(STRICT)
    ini = suite.pytester.path / "pytest.ini"
    ini.write_text(f"{ini.read_text()}\nsandbox_strict = false\n")
    suite.run().assert_outcomes(passed=3, failed=1)


def test_audit_findings_are_shown_with_a_failure_and_fail_nothing(suite: Suite) -> None:
    """A passed test with the same finding stays passed."""
    suite.holds(
        """
        import pytest
        from shop import pay

        def lose_a_reply(sandbox):
            with pytest.raises(OSError):
                pay(sandbox, card_number="4000009900000079")
            pay(sandbox)

        def test_good(sandbox): lose_a_reply(sandbox)
        def test_bad(sandbox): lose_a_reply(sandbox); assert 0
        """
    )
    result = suite.run()
    result.assert_outcomes(passed=1, failed=1)
    assert "audit: blind_retry: " in result.stdout.str()
