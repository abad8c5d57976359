"""The pytest plugin: fixtures, options, marks, errors, and reports of failed tests."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from payments_sandbox import __version__
from payments_sandbox.testing import running_sandbox
from tests.support.process import Suite
from tests.support.tables import for_each

pytest_plugins = ["pytester"]

OTHERS: Final = (
    "aiohttp", "anyio", "asyncio", "faker", "hypothesispytest", "randomly", "schemathesis",
    "time_machine", "xdist",
)  # fmt: skip
"""Installed plugins that start slowly, or need a setting in every ini file."""


def test_each_test_has_a_new_world_and_make_sandbox_creates_more(suite: Suite) -> None:
    """Marks set its clock, and `payments_env` sets variables for it."""
    suite.holds(
        """
        import os
        from datetime import UTC, datetime

        import pytest
        from shop import pay

        @pytest.mark.parametrize("turn", range(3))
        def test_fresh(sandbox, turn):
            assert pay(sandbox).status_code == 201
            assert len(sandbox.payments) == 1

        def test_two_merchants(make_sandbox, sandbox):
            other = make_sandbox(clock="2030-01-15", rate_limit=5)
            assert pay(other).status_code == 201
            assert (sandbox.payments, other.rate_limit.remaining) == ([], 4)

        @pytest.mark.sandbox_clock("2030-01-15T09:00:00Z")
        def test_clock(sandbox):
            assert sandbox.clock.now == datetime(2030, 1, 15, 9, tzinfo=UTC)

        def test_environment(payments_env, sandbox):
            assert payments_env == {
                "PAYMENTS_BASE_URL": sandbox.base_url,
                "PAYMENTS_API_KEY": sandbox.api_key,
                "PAYMENTS_WEBHOOK_SECRET": sandbox.webhook_secret,
                "PAYMENTS_SANDBOX_URL": sandbox.sandbox_url,
            }
            assert payments_env.items() <= os.environ.items()
            assert "127.0.0.1" in os.environ["NO_PROXY"].split(",")

        def test_environment_is_put_back():
            assert "PAYMENTS_BASE_URL" not in os.environ
        """
    )
    result = suite.run()

    result.assert_outcomes(passed=7)
    header = f"payments-sandbox {__version__}: seed 0, its own server\n"
    assert header in result.stdout.str()


def test_payments_env_makes_clients_trust_a_tls_server(suite: Suite) -> None:
    """The variables are those of `run`; an invalid certificate has its own port."""
    suite.holds(
        """
        import os, pytest, requests
        from shop import pay

        @pytest.fixture(scope="session")
        def sandbox_options(sandbox_options):
            return {**sandbox_options, "tls": "auto", "tls_faults": ["expired"]}

        def test_tls(payments_env, sandbox):
            assert payments_env["PAYMENTS_BASE_URL"].startswith("https://")
            assert payments_env["PAYMENTS_CA_FILE"] != payments_env["SSL_CERT_FILE"]
            assert pay(sandbox).status_code == 201
            with pytest.raises(requests.exceptions.SSLError, match="expired"):
                requests.get(payments_env["PAYMENTS_TLS_EXPIRED_URL"] + "/payments", timeout=10)
            assert len(sandbox.requests) == 1
        """
    )
    suite.run().assert_outcomes(passed=1)


def test_collection_errors_of_other_modules_are_reported_normally(suite: Suite) -> None:
    """A module that fails or skips itself causes no internal error."""
    suite.holds(
        "def test_fine(sandbox): assert sandbox.payments == []",
        test_broken="import no_such_module",
        test_skipped="import pytest; pytest.skip('elsewhere', allow_module_level=True)",
    )
    suite.pytester.mkpydir("inner").joinpath("test_raising.py").write_text("1 / 0")
    result = suite.run("--continue-on-collection-errors")

    result.assert_outcomes(passed=1, skipped=1, errors=2)
    result.stdout.fnmatch_lines_random(
        ["*No module named 'no_such_module'", "*ZeroDivisionError: division by zero"]
    )
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


def test_the_header_shows_the_seed_and_that_seed_repeats_the_run(suite: Suite) -> None:
    """The seed was chosen with `--sandbox-seed random`."""
    suite.holds("def test_seed(sandbox): print('seed', sandbox.seed)")
    drawn = suite.shown("--sandbox-seed", "random", "-s")
    seed = drawn.partition(": seed ")[2].partition(",")[0]
    assert f"payments-sandbox {__version__}: seed {seed}, its own server\n" in drawn
    [line] = [line for line in drawn.splitlines() if "seed " in line and line[-1].isdigit()]
    assert line.rpartition("test_")[2] in suite.shown("--sandbox-seed", seed, "-s")


def test_the_seed_of_a_test_does_not_depend_on_other_tests(suite: Suite) -> None:
    """Its ids are the same alone and after other tests; another seed gives other ids."""
    suite.holds(
        """
        from shop import pay

        def test_one(sandbox): print("one", pay(sandbox).json()["id"])
        def test_two(sandbox): print("two", pay(sandbox).json()["id"])
        """
    )

    def ids(*arguments: str) -> set[str]:
        words = suite.shown("-s", "-q", *arguments).split()
        return {word for word in words if word.startswith("pay_")}

    both = ids()
    assert len(both) == 2
    assert ids("-k", "two") < both
    assert not ids("--sandbox-seed", "7") & both


def test_command_line_overrides_environment_overrides_ini_file(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ini", "environment", "line"):
        suite.pytester.mkdir(name)
    suite.holds("def test_it(): pass")
    ini = suite.pytester.path / "pytest.ini"
    ini.write_text(f"{ini.read_text()}\nsandbox_scenarios = ini\n")
    assert "scenarios in " + str(suite.pytester.path / "ini") in suite.shown()
    monkeypatch.setenv("PAYMENTS_SANDBOX_SCENARIO_DIR", "environment")
    monkeypatch.setenv("PAYMENTS_SANDBOX_SEED", "5")
    assert "seed 5, its own server, scenarios in environment\n" in suite.shown()
    arguments = ("--sandbox-scenarios", "line", "--sandbox-seed", "6")
    assert "seed 6, its own server, scenarios in line\n" in suite.shown(*arguments)


@for_each(
    ("arguments", "problem"),
    [
        (["--sandbox-seed", "-1"], "--sandbox-seed: expected a whole number below 2**53 or random"),
        (["--sandbox-scenarios", "nowhere"], "--sandbox-scenarios: expected a folder, not nowhere"),
        (["--sandbox-url", "ftp://x"], "--sandbox-url: expected an address such as http://127"),
        (["--sandbox-journal", "yes"], "argument --sandbox-journal: invalid choice: 'yes'"),
        (["--sandbox-seed", "9" * 5_000], "--sandbox-seed: expected a whole number below 2**53"),
        (["--sandbox-coverage-fail-under=101"], "under: expected a percentage from 0 to 100"),
        (["--sandbox-coverage-fail-under=half"], "under: expected a percentage from 0 to 100"),
        (["--sandbox-coverage-json="], "argument --sandbox-coverage-json: expected a file"),
        (["--sandbox-coverage-html=."], "argument --sandbox-coverage-html: expected a file"),
        (["-o", "sandbox_scenarios=nowhere"], "ERROR: sandbox_scenarios: expected a folder, not"),
    ],
    show=lambda row: row[0],
)
def test_an_invalid_option_is_a_usage_error_with_the_expected_value(
    suite: Suite, arguments: list[str], problem: str
) -> None:
    """No test runs."""
    result = suite.run(*arguments)
    assert problem in result.stderr.str()
    assert result.ret == pytest.ExitCode.USAGE_ERROR


@for_each(
    ("name", "value", "problem"),
    [
        ("SEED", "x", "PAYMENTS_SANDBOX_SEED: expected a whole number below 2**53 or random"),
        ("URL", "ftp://x", "PAYMENTS_SANDBOX_URL: expected an address such as http://127"),
        ("SCENARIO_DIR", "nowhere", "PAYMENTS_SANDBOX_SCENARIO_DIR: expected a folder, not now"),
    ],
    show=lambda row: row[0],
)
def test_an_invalid_variable_is_a_usage_error_that_names_it(
    suite: Suite, monkeypatch: pytest.MonkeyPatch, name: str, value: str, problem: str
) -> None:
    """The option of the same meaning was not given."""
    with monkeypatch.context() as patch:
        patch.setenv(f"PAYMENTS_SANDBOX_{name}", value)
        result = suite.run()
    assert problem in result.stderr.str()
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_empty_variables_count_as_not_set(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for the commands."""
    for name in ("URL", "SEED", "SCENARIO_DIR"):
        monkeypatch.setenv(f"PAYMENTS_SANDBOX_{name}", "")
    suite.holds("def test_it(): pass")
    assert "seed 0, its own server\n" in suite.shown()


def test_invalid_marks_are_collection_errors(suite: Suite) -> None:
    """An unknown scenario or an invalid instant is reported before any test runs."""
    suite.pytester.mkdir("ours").joinpath("lost-parcel.yaml").touch()
    suite.holds(
        """
        import pytest

        @pytest.mark.sandbox_scenario("lost-parcle")
        def test_name(sandbox): ...

        @pytest.mark.sandbox_scenario("scenarios/none.yaml")
        class TestPath:
            def test_path(self, sandbox): ...

        @pytest.mark.sandbox_clock("tomorrow")
        def test_clock(sandbox): ...

        @pytest.mark.sandbox_clock()
        def test_no_clock(sandbox): ...

        @pytest.mark.sandbox_clock("2030-01-15")
        def test_no_world(): ...

        @pytest.mark.sandbox_scenario("lost-parcel", sead=7)
        def test_typo(sandbox): ...

        @pytest.mark.sandbox_scenario("lost-parcel", seed="7")
        def test_seed(sandbox): ...

        @pytest.mark.sandbox_scenario
        def test_nothing(sandbox): ...
        """,
        test_good="def test_good(): pass",
    )
    result = suite.run("--sandbox-scenarios", "ours")
    result.assert_outcomes(errors=1)
    name, none = "test_invalid_marks_are_collection_errors.py", "scenarios/none.yaml"
    folder = suite.pytester.path
    result.stdout.fnmatch_lines(
        [
            f"{name}::test_name: there is no scenario 'lost-parcle'; did you mean 'lost-parcel'?",
            f"{name}::TestPath: there is no file {folder}/{none}",
            f"{name}::test_clock: sandbox_clock: expected an ISO 8601 date, *",
            f"{name}::test_no_clock: sandbox_clock: expected one instant, such as 2030-*",
            f"{name}::test_no_world: sandbox_clock requires the fixture 'sandbox'; *usefixtures*",
            f"{name}::test_typo: sandbox_scenario: unexpected argument 'sead'; expected seed=N",
            f"{name}::test_seed: sandbox_scenario: expected a seed that is a whole number *",
            f"{name}::test_nothing: sandbox_scenario: expected names or paths of scenarios",
        ]
    )
    assert result.ret == pytest.ExitCode.INTERRUPTED


def test_a_failed_test_shows_its_requests_and_writes_a_journal(suite: Suite) -> None:
    """The report shows the last requests, the journal all; a passed test writes none."""
    suite.holds(
        """
        from shop import pay

        def test_good(sandbox): pay(sandbox)

        def test_bad(sandbox):
            for _ in range(22):
                pay(sandbox)
            assert pay(sandbox, card_number="4000000000000002").status_code == 201
        """
    )
    result = suite.run()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*- payments sandbox -*",
            "world sk_test_*, seed *, at http://127.0.0.1:*/v3: 22 completed, 1 failed payments, *",
            "… 3 earlier requests",
            "req_* at *: POST /v3/payments → 201",
            "req_* at *: POST /v3/payments → 400 card_declined",
            "  answered by card:declined, step 1*",
            "journal: *test_bad-*.json",
        ]
    )
    [journal] = journals(suite)
    kept = json.loads(journal.read_text(encoding="utf-8"))
    assert kept["test"].endswith("::test_bad")
    [world] = kept["worlds"]
    assert (len(world["requests"]), len(world["events"]), world["deliveries"]) == (23, 23, [])
    assert "4000000000000002" not in journal.read_text(encoding="utf-8")
    text = journal.with_suffix(".txt").read_text(encoding="utf-8")
    assert text.count("POST /v3/payments") == 23


def journals(suite: Suite) -> list[Path]:
    """Return the journals that the runs of a suite have written."""
    return sorted(suite.pytester.path.glob(".pytest_cache/d/payments-sandbox/*.json"))


@pytest.mark.parametrize(
    ("keeping", "names"),
    [("off", []), ("on", ["bad", "good"]), ("retain-on-failure", ["bad"])],
)
def test_sandbox_journal_decides_which_journals_are_kept(
    suite: Suite, keeping: str, names: list[str]
) -> None:
    """A test without a world has no journal."""
    suite.holds(
        """
        def test_good(sandbox): ...
        def test_bad(sandbox): assert 0
        def test_other(): assert 0
        """
    )
    result = suite.run("--sandbox-journal", keeping, "--sandbox-html")
    result.assert_outcomes(passed=1, failed=2)
    said = "page: not written: --sandbox-html has no effect with --sandbox-journal off"
    assert (said in result.stdout.str()) == (keeping == "off")
    assert [file.stem.split("test_")[-1].split("-")[0] for file in journals(suite)] == names


def test_without_the_pytest_cache_the_report_says_that_no_journal_is_kept(suite: Suite) -> None:
    suite.holds("def test_bad(sandbox): assert 0")
    assert "journal: not kept: pytest has no cache" in suite.shown("-p", "no:cacheprovider")


def test_a_failed_setup_shows_its_world(suite: Suite) -> None:
    """Errors in fixtures get the same section as failed tests."""
    suite.holds(
        """
        import pytest

        @pytest.fixture
        def shop(sandbox): raise ValueError

        def test_it(shop): ...
        """
    )
    result = suite.run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["world sk_test_*no payments, clock live at *"])


def test_the_report_says_if_the_server_of_a_failed_test_is_gone(suite: Suite) -> None:
    """The test fails by itself, and the section says that its world cannot be read."""
    suite.holds(
        "def test_it(sandbox, sandbox_server): sandbox_server.stop(); sandbox.payments",
        conftest="""
        from payments_sandbox.testing import RunningSandbox

        RunningSandbox.__exit__ = lambda *_: None
        """,
    )
    shown = suite.shown()
    assert "cannot inspect <Sandbox" in shown
    assert ": GET /_sandbox/world: no answer from http://127.0.0.1:" in shown


def test_sandbox_url_uses_a_running_server_and_drops_worlds_after_tests(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control token comes from the environment."""
    suite.holds(
        """
        from shop import pay

        def test_it(sandbox, sandbox_server, payments_env):
            assert pay(sandbox).status_code == 201
            assert payments_env["PAYMENTS_SANDBOX_CONTROL_TOKEN"] == "t0ken"
            print("url", sandbox_server.url, "key", sandbox.api_key)
        """
    )
    monkeypatch.setenv("PAYMENTS_SANDBOX_CONTROL_TOKEN", "t0ken")
    with running_sandbox(control_token="t0ken") as server:
        result = suite.run("--sandbox-url", f"{server.url}/_sandbox", "-s")
        result.assert_outcomes(passed=1)
        shown = result.stdout.str()
        assert f": seed 0, {server.url}\n" in shown
        assert f"url {server.url} key" in shown
        key = shown.partition(" key ")[2].split()[0]
        assert server.client(key).retrieve_world()["payments"]["completed"] == 0


def test_sandbox_options_configures_the_server(suite: Suite) -> None:
    """A suite overrides this fixture to change options."""
    suite.holds(
        """
        import pytest

        @pytest.fixture(scope="session")
        def sandbox_options(sandbox_options):
            return {**sandbox_options, "clock": "2030-01-15", "rate_limit": 3}

        def test_it(sandbox):
            assert (sandbox.clock.is_frozen, sandbox.rate_limit.limit) == (True, 3)
        """
    )
    suite.run().assert_outcomes(passed=1)


IMPORTS: Final = """
import json
import sys
from urllib.request import Request, urlopen

def names():
    return {name for name in sys.modules if name.startswith("payments_sandbox.")}

def test_no_http_client_is_needed(sandbox):
    request = Request(sandbox.base_url + "/payments", headers=sandbox.headers)
    with urlopen(request) as reply:
        assert json.load(reply)["data"] == []
    assert not {"requests", "httpx"} & set(sys.modules)

def test_what_nobody_has_asked_for_is_not_imported(sandbox):
    unused = "payments_sandbox.exploration", "plugin.coverage", "plugin.explored", "tally"
    assert not [name for name in names() for each in unused if each in name]

def test_modules_of_the_server_are_imported_as_they_are(sandbox):
    rule = {"name": "late", "request": "create_payment", "do": [{"delay": "1s"}]}
    sandbox.use({"scenario": "late", "rules": [rule]})
    loaders = {
        name: type(sys.modules[name].__loader__).__module__
        for name in names()
        if "pytest_plugin" not in name
    }
    assert len(loaders) > 100
    assert {loader for loader in loaders.values() if "pytest" in loader} == set()
"""
"""A suite that checks which modules are imported, and how. Threads import server modules while
tests run, and pytest's assertion rewriting works only in one thread."""


def test_the_installed_plugin_is_loaded_and_can_be_disabled(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Disabled, it leaves no fixture, option or header."""
    suite.holds(IMPORTS)
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    without = [part for name in OTHERS for part in ("-p", f"no:{name}")]
    on = suite.pytester.runpytest_subprocess(*without)
    on.assert_outcomes(passed=3)
    assert f"payments-sandbox {__version__}: seed 0" in on.stdout.str()

    off = suite.pytester.runpytest_subprocess(*without, "-p", "no:payments-sandbox")

    off.assert_outcomes(errors=3)
    off.stdout.fnmatch_lines(["E *fixture 'sandbox' not found"])
    assert "seed 0" not in off.stdout.str()


def test_importing_the_plugin_imports_only_its_own_small_modules() -> None:
    """A suite that does not use it therefore starts as fast as without it."""
    script = (
        "import pytest, sys; before = set(sys.modules); import payments_sandbox.pytest_plugin;"
        " print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [
        "payments_sandbox",
        "payments_sandbox.pytest_plugin",
        "payments_sandbox.pytest_plugin.after_test",
        "payments_sandbox.pytest_plugin.marks",
        "payments_sandbox.pytest_plugin.options",
        "payments_sandbox.pytest_plugin.plain_imports",
    ]
