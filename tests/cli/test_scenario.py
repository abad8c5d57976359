"""`payments-sandbox scenario`: the library, the lint, and scenarios from the journal."""

import json
import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.project.blocks import below, read_blocks
from tests.project.tree import ROOT
from tests.support.process import RemoteWorld, new_remote_world, run, serve_process

PAGE: Final = ROOT / "docs" / "cli.md"
FOLDER: Final = ROOT / "tests" / "cli" / "scenarios"
LIBRARY: Final = sorted(file.stem for file in (ROOT / "scenarios").glob("*.yaml"))
OUTAGE: Final = """\
scenario: outage
about: All is down.
rules:
  - request: create_paymnt
    do: [pass]
"""
FLAKY: Final = """\
scenario: flaky
seed: 7
rules:
  - {name: lost, request: create_payment, chance: 0.05, do: [{drop: {commit: true}}], then: cycle}
  - {name: late, request: create_payment, chance: 0.1, do: [{delay: 2s}], then: cycle}
"""
WARNED: Final = """\
scenario: warned
rules:
  - request: list_payments
    do: [{hang: {commit: true}}]
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Return a folder with an invalid file, a valid one, and one with a warning."""
    for text in (OUTAGE, FLAKY, WARNED):
        name = text.split()[1]
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def check(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Check files in their folder."""
    return run("scenario", "check", *arguments, cwd=folder)


def test_list_shows_name_tags_and_summary_of_the_library() -> None:
    """Each shipped scenario has one line."""
    listed = run("scenario", "list")
    rows = [re.split(r" {2,}", line) for line in listed.stdout.splitlines()]

    assert (listed.returncode, listed.stderr, [row[0] for row in rows]) == (0, "", LIBRARY)
    assert rows[LIBRARY.index("lost-reply")] == [
        "lost-reply",
        "retry, network",
        "The first payment is made, and its reply is lost on the way back.",
    ]


def test_list_includes_own_folders_and_marks_invalid_files(files: Path) -> None:
    """An own scenario replaces a shipped one with the same name."""
    listed = run("scenario", "list", "--scenario-dir", str(FOLDER), "--scenario-dir", str(files))
    rows = {line.split()[0]: line.split(maxsplit=1)[1:] for line in listed.stdout.splitlines()}

    assert {name: rows[name] for name in ("quiet", "refused", "flaky", "outage")} == {
        "quiet": [rows["quiet"][0]],
        "refused": ["Ada's payments are declined."],
        "flaky": [],
        "outage": [f"1 problem in 1 file: payments-sandbox scenario check {files}/outage.yaml"],
    }
    assert re.fullmatch(r"calm {3,}Nothing goes wrong\.", rows["quiet"][0])


def test_show_prints_the_file_byte_for_byte(files: Path) -> None:
    """This works for the library and for own folders."""
    shown = run("scenario", "show", "lost-reply")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout == (ROOT / "scenarios" / "lost-reply.yaml").read_text(encoding="utf-8")
    assert run("scenario", "show", "outage", "--scenario-dir", str(files)).stdout == OUTAGE


def test_an_unknown_name_exits_2_with_the_closest_match() -> None:
    shown = run("scenario", "show", "lost-replay")
    assert (shown.returncode, shown.stdout, shown.stderr) == (
        2,
        "",
        ("payments-sandbox: there is no scenario 'lost-replay'; did you mean 'lost-reply'?\n"),
    )


def test_check_finds_no_problems_in_the_library_and_prints_rates() -> None:
    """Rates are printed for rules with `chance`."""
    checked = run("scenario", "check", *(f"scenarios/{name}.yaml" for name in LIBRARY))
    assert (checked.returncode, checked.stderr) == (0, "")
    *rates, last = checked.stdout.splitlines()
    assert last == f"no problems in {len(LIBRARY)} files"
    assert rates == [
        (
            "scenarios/flaky-network.yaml: create_payment:"
            " reply-lost 30 %, then request-lost 21 %; 51 % in all"
        ),
        "scenarios/flaky-network.yaml: list_payments: list-breaks-off 30 %",
    ]


def test_check_prints_problems_as_in_docs_cli_md(files: Path) -> None:
    checked = check(files, "outage.yaml", "flaky.yaml")
    [shown] = below("payments-sandbox scenario check", read_blocks(PAGE))[1:]
    assert (checked.returncode, checked.stderr, checked.stdout) == (2, "", shown.code)


def test_check_prints_warnings_and_exits_0(files: Path) -> None:
    checked = check(files, "warned.yaml")
    assert (checked.returncode, checked.stdout) == (
        0,
        (
            "warned.yaml:4:18: warning: commit has no effect on list_payments, which changes"
            " nothing; leave it out\n"
            "        do: [{hang: {commit: true}}]\n"
            "                     ^\n"
            "no problems and 1 warning in 1 file\n"
        ),
    )


def test_check_reports_missing_files_and_checks_the_others(files: Path) -> None:
    checked = check(files, "gone.yaml", ".", "flaky.yaml")
    assert (checked.returncode, checked.stdout.splitlines()) == (
        2,
        [
            "gone.yaml: cannot read the file: No such file or directory",
            ".: expected a file, got a folder; name its files, such as ./*.yaml",
            "flaky.yaml: create_payment: lost 5 %, then late 9.5 %; 14.5 % in all",
            "2 problems in 3 files",
        ],
    )


def test_check_suggests_the_file_with_the_closest_name(files: Path) -> None:
    assert check(files, "flaki.yml").stdout.splitlines()[0] == (
        "flaki.yml: cannot read the file: No such file or directory; did you mean flaky.yaml?"
    )


@pytest.mark.parametrize("how", ["option", "environment"])
def test_check_with_github_prints_escaped_annotations(files: Path, how: str) -> None:
    """One line for each problem, with GitHub's special characters escaped."""
    (files / "a,b:c.yaml").write_text("scenario: 100%\n", encoding="utf-8")
    names = ("a,b:c.yaml", "warned.yaml", "gone.yaml")
    checked = run(
        "scenario", "check", *(["--github"] if how == "option" else []), *names, cwd=files,
        extra={} if how == "option" else {"PAYMENTS_SANDBOX_GITHUB": "1"},
    )  # fmt: skip
    assert (checked.returncode, checked.stdout.splitlines()) == (
        2,
        [
            ("::error file=a%2Cb%3Ac.yaml,line=1,col=1::a scenario needs rules, expect or given"),
            (
                "::error file=a%2Cb%3Ac.yaml,line=1,col=11::"
                "'100%25' is not a name; scenario is the name of the file without its ending,"
                " such as lost-reply"
            ),
            (
                "::warning file=warned.yaml,line=4,col=18::commit has no effect on list_payments,"
                " which changes nothing; leave it out"
            ),
            "::error file=gone.yaml,line=1,col=1::cannot read the file: No such file or directory",
            "3 problems and 1 warning in 3 files",
        ],
    )


def test_a_scenario_from_the_journal_reproduces_the_failure(
    world: RemoteWorld, tmp_path: Path
) -> None:
    """The exported file passes the check, and a new server with it fails the same call."""
    drop = {"drop": {"commit": True, "how": "reset"}}
    rule = {"request": "create_payment", "when": {"amount": 4200}, "do": [drop]}
    world.control("POST", "/scenarios/active", {"scenario": "x", "rules": [rule]})
    with pytest.raises(ConnectionResetError):
        world.pay(customer_id="cust_ada", amount=4200)
    [entry] = world.control("GET", "/requests")["data"]
    written = world.run("scenario", "from-journal", entry["id"], "--name", "lost-reply")
    [shown] = below("payments-sandbox scenario from-journal", read_blocks(PAGE))[1:]
    page = shown.code.partition("\n")[2]
    assert (written.returncode, written.stderr) == (0, "")
    assert written.stdout.replace(entry["id"], "ID") == re.sub(r"req_[0-9a-f]+", "ID", page)

    (tmp_path / "lost-reply.yaml").write_text(written.stdout, encoding="utf-8")
    assert check(tmp_path, "lost-reply.yaml").stdout == "no problems in 1 file\n"
    with serve_process("--scenario", str(tmp_path / "lost-reply.yaml")) as server:
        again = new_remote_world(server.address)
        with pytest.raises(ConnectionResetError):
            again.pay(customer_id="cust_ada", amount=4200)
        [repeated] = again.control("GET", "/requests")["data"]
    seen = [(each["fault"], each["committed"], each["response"]) for each in (entry, repeated)]
    assert seen == [("drop", True, None)] * 2


def test_from_journal_reports_requests_without_failures_and_invalid_names(
    world: RemoteWorld,
) -> None:
    """The first error is the server's; an invalid name is not sent."""
    world.pay()
    [entry] = world.control("GET", "/requests")["data"]
    refused = world.run("scenario", "from-journal", entry["id"])
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        f"payments-sandbox: {world.address} rejected the request: The request is invalid"
        " (invalid_request):"
        " /requests: expected a request that met an error, a fault or a delay; none of these did."
        " GET /_sandbox/requests shows what each request met.\n"
    )
    named = world.run("scenario", "from-journal", entry["id"], "--name", "a b")
    assert (named.returncode, named.stderr.splitlines()[-1]) == (
        2,
        (
            "payments-sandbox scenario from-journal: error: argument --name:"
            " expected a name such as lost-reply"
        ),
    )


def test_from_journal_prints_the_yaml_of_the_control_api(world: RemoteWorld) -> None:
    world.ask("GET", "/v3/payments/pay_nope")
    [entry] = world.control("GET", "/requests")["data"]
    answered = world.control("POST", "/scenarios/from_journal", {"requests": [entry["id"]]})
    assert json.loads(json.dumps(answered["scenario"]))["scenario"] == "from-journal"
    assert world.run("scenario", "from-journal", entry["id"]).stdout == answered["yaml"]
