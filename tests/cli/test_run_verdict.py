"""`payments-sandbox run`: how the expectations of scenarios decide the exit code."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from signal import SIGTERM
from typing import Final
from xml.etree import ElementTree as ET

import pytest
import xmlschema

from tests.project.tree import ROOT
from tests.support.process import environment_name, python, run, run_process, without_ids
from tests.support.programs import ASK
from tests.support.values import (
    CLEAN_AUDIT,
    FAILED_BUT_CHARGED,
    PAID_ONCE,
    WEBHOOK_SOON,
    documented_create,
)

_CLIENT: Final = f"""
body = {documented_create()!r}
try:
    pay(body)
except OSError:
    retry()
"""

CAREFUL: Final = f"""
def retry():
    assert listed(body)
{_CLIENT}"""

NAIVE: Final = f"""
def retry():
    pay(body)
{_CLIENT}"""


def playing(client: str, *expect: Mapping[str, object]) -> str:
    """Return the program of a client in a world with these expectations."""
    scenario = FAILED_BUT_CHARGED | ({"expect": list(expect)} if expect else {})
    return f"{ASK}\nplay({scenario!r})\n{client}"


SCHEMA: Final = ROOT / "tests" / "cli" / "junit.xsd"
FAILED: Final = """\
failed: 1 of 1 expectation not met; 1 rule fired; 2 audit findings

expectations:
  NOT MET  {payments: {status: completed}, count: 1}
           expected 1, saw 2: pay_…, pay_…

rules:
  fired 1×  charged: failed-but-charged

audit:
"""
FOUND: Final = "passed: 1 rule fired; 2 audit findings\n\nrules:\n"


def ended(program: str, *options: str, **extra: str) -> tuple[int, str, str]:
    """Run a program, and return exit code, stdout and masked stderr."""
    done = run("run", *options, "--", *python(program), extra=extra)
    return done.returncode, done.stdout, without_ids(done.stderr)


def test_met_expectations_exit_0_with_one_line() -> None:
    assert ended(playing(CAREFUL, PAID_ONCE, CLEAN_AUDIT)) == (
        0,
        "",
        "payments-sandbox: passed: 2 expectations met; 1 rule fired; the audit is clean\n",
    )


def test_unmet_expectations_exit_1_with_the_whole_report() -> None:
    code, output, errors = ended(playing(NAIVE, PAID_ONCE))

    assert (code, output) == (1, "")
    assert errors.startswith(f"payments-sandbox: {FAILED}  possible_double_charge\n")


def test_audit_findings_are_shown_and_fail_only_if_expected_clean() -> None:
    """A scenario has to expect `audit: clean` for them to fail the run."""
    code, output, errors = ended(playing(NAIVE))

    assert (code, output) == (0, "")
    assert errors.startswith(f"payments-sandbox: {FOUND}")
    assert ended(playing(NAIVE, CLEAN_AUDIT))[0] == 1


@pytest.mark.parametrize("client", [CAREFUL, NAIVE], ids=["met", "unmet"])
def test_a_failing_command_keeps_its_exit_code_and_gets_a_report(client: str) -> None:
    """This holds whether its expectations are met or not."""
    code, _, errors = ended(playing(client, PAID_ONCE) + "raise SystemExit(7)")

    assert code == 7
    assert errors.startswith("payments-sandbox: ")


def test_a_rule_that_never_fired_is_reported() -> None:
    """Otherwise an unused scenario could be mistaken for a tested one."""
    code, _, errors = ended(playing(""))

    assert code == 0
    assert errors == (
        "payments-sandbox: nothing happened: no requests received; 1 of 1 rule never fired\n\n"
        "rules:\n"
        "  never fired  charged: failed-but-charged\n"
        "           no such call was made\n"
    )


def test_expectations_of_the_scenario_option_are_evaluated() -> None:
    """The program does not use the control API."""
    code, _, errors = ended(f"{ASK}{NAIVE}", "--scenario", "lost-reply")

    assert code == 1
    assert errors.startswith("payments-sandbox: failed: ")


def test_every_used_world_is_evaluated(tmp_path: Path) -> None:
    """The world of the given key is evaluated only if it was used."""
    junit = tmp_path / "junit.xml"
    worlds = "".join(
        f"\nos.environ['PAYMENTS_API_KEY'] = 'sk_test_{name}'\n{client}"
        for name, client in (("careful", CAREFUL), ("naive", NAIVE))
    )
    code, _, errors = ended(f"{ASK}{worlds}", "--scenario", "lost-reply", "--junit-xml", str(junit))

    assert code == 1
    assert errors.startswith("payments-sandbox: failed: 2 worlds; ")
    assert "\nsk_test_naive\nfailed: " in errors
    assert "sk_test_careful" not in errors
    names = [suite.get("name") for suite in ET.parse(junit).getroot()]  # noqa: S314 - our own
    assert names == ["payments-sandbox: sk_test_careful", "payments-sandbox: sk_test_naive"]


IN_A_WORLD_OF_ITS_OWN: Final = """
def made(**wishes):
    os.environ["PAYMENTS_API_KEY"] = control("POST", "/worlds", wishes)["api_key"]
"""
"""The beginning of a program that creates worlds."""

ENDS: Final = {
    "dropped": ("control('DELETE', '/world')", "dropped by DELETE world"),
    "reset": ("control('POST', '/world/reset')", "reset"),
    "reset of the payments": ("control('POST', '/world/reset', {'only': ['payments']})", "reset"),
    "restored": (
        "control('PUT', '/world/snapshot', control('GET', '/world/snapshot'))",
        "restored from a snapshot",
    ),
    "scenarios ended": ("control('DELETE', '/scenarios/active')", "when lost-reply ended"),
    "scenarios replaced": ("control('PUT', '/scenarios/active', [])", "when lost-reply ended"),
}
CROWDED_OUT: Final = {
    "crowded out": ("made(); made()", "the longest idle of 2 worlds (--max-worlds)")
}


@pytest.mark.parametrize(
    ("ends", "options"),
    [(ENDS, ()), (CROWDED_OUT, ("--max-worlds", "2"))],
    ids=["ended", "crowded out"],
)
def test_worlds_are_evaluated_when_dropped_reset_restored_or_crowded_out(
    ends: Mapping[str, tuple[str, str]], options: tuple[str, ...]
) -> None:
    """The report has their names, keys and the reason, and leaves out the unused world."""

    def run_of(client: str) -> tuple[int, str, str]:
        worlds = "".join(
            f"made(name={name!r})\n{client}\n{end}\n" for name, (end, _) in ends.items()
        )
        begin = f"{ASK}{IN_A_WORLD_OF_ITS_OWN}"
        return ended(f"{begin}{worlds}", "--scenario", "lost-reply", *options)

    bad, _, errors = run_of(NAIVE)
    good, _, quiet = run_of(CAREFUL)

    assert (bad, good) == (1, 0), quiet
    assert errors.startswith("payments-sandbox: failed: ")
    for name, (_, reason) in ends.items():
        judged = rf"^{name} \(sk_test_\w+\), {re.escape(reason)}$"
        assert re.search(judged, errors, re.MULTILINE), name
    assert "sk_test_sandbox" not in errors
    assert quiet.startswith("payments-sandbox: passed: ")


def test_a_world_dropped_unused_is_not_evaluated() -> None:
    """A fixture of a skipped test leaves such a world; only the used one decides."""
    program = f"{ASK}{IN_A_WORLD_OF_ITS_OWN}made()\ncontrol('DELETE', '/world')\nmade()\n{CAREFUL}"
    code, _, errors = ended(program, "--scenario", "lost-reply")

    assert code == 0
    assert errors.startswith("payments-sandbox: passed: 4 expectations met;")


def test_a_webhook_still_pending_when_its_world_is_dropped_is_awaited() -> None:
    """Expectations with `within` are awaited, as at the end of the run."""
    late = {"webhook": "payment.completed", "do": {"delay": "300ms"}}
    scenario = {"scenario": "late", "rules": [late], "expect": [WEBHOOK_SOON]}
    program = (
        f"{ASK}{IN_A_WORLD_OF_ITS_OWN}made()\nplay({scenario!r})\n"
        f"control('POST', '/webhook_endpoints', {{'url': 'inbox:orders'}})\n"
        f"pay({documented_create()!r})\ncontrol('DELETE', '/world')"
    )
    code, _, errors = ended(program)

    assert (code, errors.startswith("payments-sandbox: passed: 1 expectation met;")) == (0, True)


def test_a_double_charge_is_found_although_the_client_exited_before_its_reply() -> None:
    """The replies are still delayed when the command exits."""
    slow = {"request": "create_payment", "do": [{"delay": "1h"}], "then": "repeat_last"}
    scenario = {"scenario": "slow", "rules": [slow], "expect": [CLEAN_AUDIT]}
    program = f"""{ASK}
import threading, time
play({scenario!r})
for number in (1, 2):
    threading.Thread(target=pay, args=({documented_create()!r},), daemon=True).start()
    while len(control("GET", "/payments")["data"]) < number:
        time.sleep(0.001)
os._exit(0)
"""
    code, _, errors = ended(program, "--max-wall-delay", "1h")

    assert (code, "found possible_double_charge, blind_retry" in errors) == (1, True)


@pytest.mark.parametrize(("options", "code"), [((), 0), (("--strict",), 1)])
def test_an_undocumented_call_is_shown_and_fails_a_strict_run(
    options: tuple[str, ...], code: int
) -> None:
    """The report suggests the documented call; an unknown id does not count as undocumented."""
    swallowed = """
for path in ("/payments/pay_unknown", "/payment"):
    try:
        ask(os.environ["PAYMENTS_BASE_URL"] + path)
    except OSError:
        pass
"""
    found, _, errors = ended(f"{ASK}{swallowed}", *options)

    assert found == code
    assert errors == (
        f"payments-sandbox: {'failed' if code else 'passed'}: 1 undocumented call; the audit is"
        " clean\n\nundocumented calls:\n"
        "  GET /v3/payment: the API has no such call; did you mean GET /v3/payments?\n"
        "           req_…\n"
    )


def test_report_and_junit_xml_write_the_result_to_files(tmp_path: Path) -> None:
    """The text equals that on stderr; options may come from the environment."""
    text, junit = tmp_path / "report.txt", tmp_path / "junit.xml"
    junit.write_text("of an earlier run")
    extra = {environment_name("--junit-xml"): str(junit)}
    code, _, errors = ended(playing(NAIVE, PAID_ONCE), "--report", str(text), **extra)

    assert code == 1
    assert errors == f"payments-sandbox: {without_ids(text.read_text())}"
    xml = junit.read_text()
    xmlschema.XMLSchema(SCHEMA).validate(xml)
    assert '<failure message="expected 1, saw 2: pay_' in xml
    assert sorted(tmp_path.iterdir()) == [junit, text]


def test_a_run_without_requests_writes_its_report_files_too(tmp_path: Path) -> None:
    text, junit = tmp_path / "report.txt", tmp_path / "junit.xml"
    files = ("--report", str(text), "--junit-xml", str(junit))

    assert ended("", *files) == (0, "", "")
    assert text.read_text() == "nothing happened: no requests received\n"
    xmlschema.XMLSchema(SCHEMA).validate(junit.read_text())


def test_an_earlier_report_file_is_deleted_if_the_command_cannot_run(tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"
    file.write_text("of an earlier run")
    assert run("run", "--junit-xml", str(file), "--", "no-such-command").returncode == 127
    assert not file.exists()


def test_an_unwritable_report_file_exits_1_whatever_the_command_does(tmp_path: Path) -> None:
    """The run fails before the command starts, as its result would be lost."""
    file = tmp_path / ("x" * 255)
    line = f"payments-sandbox: cannot write {file}: File name too long.\n"
    assert ended("", "--report", str(file)) == (1, "", line)
    assert ended("raise SystemExit(7)", "--report", str(file)) == (1, "", line)


def test_a_signal_ends_the_wait_for_pending_webhooks() -> None:
    """After the command has ended, the run handles signals itself."""
    with run_process(playing(CAREFUL, WEBHOOK_SOON) + "print('done', flush=True)") as running:
        assert running.line() == "done"
        while running.process.poll() is None:
            running.process.send_signal(SIGTERM)  # the first may still go to the command
            try:
                running.process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
        _, output, errors = running.ended()
        assert (output, errors) == (
            "",
            "payments-sandbox: interrupted before the expectations were judged.\n",
        )
