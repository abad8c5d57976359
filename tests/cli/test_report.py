"""`payments-sandbox report`: the report of a world on a running server."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from payments_sandbox.verification.report_junit import as_junit
from payments_sandbox.verification.report_page import as_page
from payments_sandbox.verification.report_text import WorldReport, as_text
from tests.support.process import (
    RemoteWorld,
    ServeProcess,
    documented_example,
    environment_name,
    new_remote_world,
    run,
    without_ids,
)
from tests.support.values import CLEAN_AUDIT, FAILED_BUT_CHARGED, PAID_ONCE, WEBHOOK_SOON


@pytest.fixture
def world(server: ServeProcess) -> RemoteWorld:
    """Return a world in which a client charged twice although one payment was expected."""
    world = new_remote_world(server.address)
    world.control(
        "POST", "/scenarios/active", FAILED_BUT_CHARGED | {"expect": [PAID_ONCE, CLEAN_AUDIT]}
    )
    assert [world.pay().status for _ in range(2)] == [500, 201]
    return world


def test_the_example_in_docs_cli_md_matches_the_output(world: RemoteWorld) -> None:
    done = world.run("report")
    console, *shown = documented_example("payments-sandbox report")

    assert (done.returncode, done.stderr, console) == (1, "", "$ payments-sandbox report")
    assert without_ids(done.stdout).splitlines() == shown
    assert done.stdout == as_text([WorldReport(world.key, world.control("GET", "/report"))])


def test_a_passed_report_exits_0(server: ServeProcess) -> None:
    world = new_remote_world(server.address)
    world.control("POST", "/scenarios/active", {"scenario": "once", "expect": [PAID_ONCE]})
    paid = world.pay().json["id"]
    done = world.run("report")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "passed: 1 expectation met; the audit is clean\n\nexpectations:\n"
        "  met      {payments: {status: completed}, count: 1}\n"
        f"           expected 1, saw 1: {paid}\n"
    )


def test_json_prints_the_control_apis_report_with_the_same_exit_code(world: RemoteWorld) -> None:
    done = world.run("report", "--json")

    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout) == world.control("GET", "/report")


def test_junit_xml_and_html_write_files_next_to_the_printed_report(
    world: RemoteWorld, tmp_path: Path
) -> None:
    file, page = tmp_path / "junit.xml", tmp_path / "report.html"
    printed = world.run("report").stdout
    done = world.run("report", "--junit-xml", str(file), "--html", str(page))

    assert (done.returncode, done.stdout, done.stderr) == (1, printed, "")
    report = WorldReport(world.key, world.control("GET", "/report"))
    assert file.read_text() == as_junit([report])
    assert page.read_text() == as_page([report])


@pytest.mark.parametrize(("option", "written"), [("--junit-xml", as_junit), ("--html", as_page)])
def test_a_report_written_to_dash_replaces_stdout_and_moves_text_to_stderr(
    world: RemoteWorld, option: str, written: Callable[[Sequence[WorldReport]], str]
) -> None:
    printed = world.run("report").stdout
    done = run("report", option, "-", extra=world.variables, is_process=True)

    report = WorldReport(world.key, world.control("GET", "/report"))
    assert (done.returncode, done.stdout, done.stderr) == (1, written([report]), printed)


def test_a_key_without_a_world_exits_1_and_creates_no_world(server: ServeProcess) -> None:
    """A misspelt key must not look like a world without problems."""
    typo = RemoteWorld(server.address, "sk_test_typo")
    for _ in range(2):
        done = typo.run("report")
        assert (done.returncode, done.stdout) == (1, "")
        assert "(not_found): No world has this key, so there is nothing to show." in done.stderr


def test_a_world_without_requests_exits_1(server: ServeProcess) -> None:
    """Either the command or the client uses the wrong world."""
    done = new_remote_world(server.address).run("report")

    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == "nothing happened: no requests received\n"


@pytest.mark.parametrize(("options", "code"), [((), 0), (("--strict",), 1)])
def test_an_undocumented_call_is_shown_and_fails_a_strict_report(
    server: ServeProcess, options: tuple[str, ...], code: int
) -> None:
    world = new_remote_world(server.address, name="a test")
    world.ask("POST", "/v3/payment", {})
    done = world.run("report", *options)

    assert (done.returncode, done.stderr) == (code, "")
    assert "did you mean POST /v3/payments?" in done.stdout


def test_output_options_can_be_set_by_environment_variables(
    world: RemoteWorld, tmp_path: Path
) -> None:
    file = tmp_path / "junit.xml"
    extra = {environment_name("--json"): "1", environment_name("--junit-xml"): str(file)}
    done = run("report", extra=world.variables | extra)

    assert json.loads(done.stdout) == world.control("GET", "/report")
    assert file.exists()


def test_an_unwritable_report_file_exits_1_after_printing_the_report(
    world: RemoteWorld, tmp_path: Path
) -> None:
    file = tmp_path / ("x" * 255)
    printed = world.run("report").stdout
    done = world.run("report", "--junit-xml", str(file))

    assert (done.returncode, done.stdout) == (1, printed)
    assert done.stderr == f"payments-sandbox: cannot write {file}: File name too long.\n"


def test_report_waits_for_webhooks_that_are_still_due(server: ServeProcess) -> None:
    """A delayed webhook is not reported as missing."""
    for delay in ("200ms", "2s", "20s"):  # longer delays for a busy machine
        world = new_remote_world(server.address, clock="live")
        late = {"webhook": "payment.completed", "do": {"delay": delay}}
        scenario = {"scenario": "late", "rules": [late], "expect": [WEBHOOK_SOON]}
        world.control("POST", "/scenarios/active", scenario)
        world.control("POST", "/webhook_endpoints", {"url": "inbox:orders"})
        world.pay()
        if not world.control("GET", "/report")["passed"]:
            break
    else:
        pytest.fail("it was never late")
    done = world.run("report")

    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("passed: 1 expectation met; 1 rule fired; the audit is clean\n")


def test_an_unreachable_server_exits_1() -> None:
    done = run("report", "--url", "http://127.0.0.1:1")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("payments-sandbox: no sandbox answers at http://127.0.0.1:1: ")


def test_an_earlier_report_file_is_deleted_if_no_report_can_be_made(tmp_path: Path) -> None:
    """A CI server would read the stale file."""
    file = tmp_path / "sandbox.xml"
    file.write_text("<testsuites/>")
    ended = run("report", "--url", "http://127.0.0.1:1", "--junit-xml", str(file))

    assert ended.returncode == 1
    assert not file.exists()
