"""`payments-sandbox report`: a world of a running server, judged."""

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
    """A world in which a client has charged twice, and was expected not to."""
    world = new_remote_world(server.address)
    world.control(
        "POST", "/scenarios/active", FAILED_BUT_CHARGED | {"expect": [PAID_ONCE, CLEAN_AUDIT]}
    )
    assert [world.pay().status for _ in range(2)] == [500, 201]
    return world


def test_the_page_shows_what_it_prints(world: RemoteWorld) -> None:
    """A world whose client has charged twice, as in docs/cli.md."""
    done = world.run("report")
    console, *shown = documented_example("payments-sandbox report")

    assert (done.returncode, done.stderr, console) == (1, "", "$ payments-sandbox report")
    assert without_ids(done.stdout).splitlines() == shown
    assert done.stdout == as_text([WorldReport(world.key, world.control("GET", "/report"))])


def test_a_report_that_has_passed_exits_with_0(server: ServeProcess) -> None:
    """Exit 0."""
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


def test_a_report_can_be_printed_as_json(world: RemoteWorld) -> None:
    """What the control API answers; the exit code is the same."""
    done = world.run("report", "--json")

    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout) == world.control("GET", "/report")


def test_a_report_can_be_written_as_junit_xml(world: RemoteWorld, tmp_path: Path) -> None:
    """Into a file, beside what is printed; and as a page into another."""
    file, page = tmp_path / "junit.xml", tmp_path / "report.html"
    printed = world.run("report").stdout
    done = world.run("report", "--junit-xml", str(file), "--html", str(page))

    assert (done.returncode, done.stdout, done.stderr) == (1, printed, "")
    report = WorldReport(world.key, world.control("GET", "/report"))
    assert file.read_text() == as_junit([report])
    assert page.read_text() == as_page([report])


@pytest.mark.parametrize(("option", "written"), [("--junit-xml", as_junit), ("--html", as_page)])
def test_a_file_of_a_report_can_be_all_of_stdout(
    world: RemoteWorld, option: str, written: Callable[[Sequence[WorldReport]], str]
) -> None:
    """`-` is stdout, and what is printed otherwise goes to stderr."""
    printed = world.run("report").stdout
    done = run("report", option, "-", extra=world.variables, is_process=True)

    report = WorldReport(world.key, world.control("GET", "/report"))
    assert (done.returncode, done.stdout, done.stderr) == (1, written([report]), printed)


def test_a_key_that_has_no_world_has_no_report_and_gets_none(server: ServeProcess) -> None:
    """A slip in the key is no world in which all is well."""
    typo = RemoteWorld(server.address, "sk_test_typo")
    for _ in range(2):
        done = typo.run("report")
        assert (done.returncode, done.stdout) == (1, "")
        assert "(not_found): No world has this key, so there is nothing to judge." in done.stderr


def test_a_world_in_which_nothing_has_happened_has_not_passed(server: ServeProcess) -> None:
    """Exit 1: whoever asks has another world in mind, or his client has."""
    done = new_remote_world(server.address).run("report")

    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == "nothing happened: no request has come\n"


@pytest.mark.parametrize(("options", "code"), [((), 0), (("--strict",), 1)])
def test_an_undocumented_call_is_told(
    server: ServeProcess, options: tuple[str, ...], code: int
) -> None:
    """And fails the report where it is strict."""
    world = new_remote_world(server.address, name="a test")
    world.ask("POST", "/v3/payment", {})
    done = world.run("report", *options)

    assert (done.returncode, done.stderr) == (code, "")
    assert "did you mean POST /v3/payments?" in done.stdout


def test_every_option_can_be_set_in_the_environment(world: RemoteWorld, tmp_path: Path) -> None:
    """Each has its variable."""
    file = tmp_path / "junit.xml"
    extra = {environment_name("--json"): "1", environment_name("--junit-xml"): str(file)}
    done = run("report", extra=world.variables | extra)

    assert json.loads(done.stdout) == world.control("GET", "/report")
    assert file.exists()


def test_a_file_that_cannot_be_written_fails_below_the_report(
    world: RemoteWorld, tmp_path: Path
) -> None:
    """Exit 1 and a line, below the report."""
    file = tmp_path / ("x" * 255)
    printed = world.run("report").stdout
    done = world.run("report", "--junit-xml", str(file))

    assert (done.returncode, done.stdout) == (1, printed)
    assert done.stderr == f"payments-sandbox: cannot write {file}: File name too long.\n"


def test_what_may_be_waited_for_is_waited_for(server: ServeProcess) -> None:
    """A webhook that is still on its way is not reported missing."""
    for delay in ("200ms", "2s", "20s"):  # a longer one where the machine is busy
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


def test_no_server_is_one_line() -> None:
    """Exit 1 and a line that says what would have worked."""
    done = run("report", "--url", "http://127.0.0.1:1")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("payments-sandbox: no sandbox answers at http://127.0.0.1:1: ")


def test_a_report_that_cannot_be_made_leaves_no_file_of_an_earlier_time(tmp_path: Path) -> None:
    """A CI server would read it."""
    file = tmp_path / "sandbox.xml"
    file.write_text("<testsuites/>")
    ended = run("report", "--url", "http://127.0.0.1:1", "--junit-xml", str(file))

    assert ended.returncode == 1
    assert not file.exists()
