"""`payments-sandbox serve` with scenarios: activation, errors at the start, and `--watch`."""

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Final

import pytest
import requests

from tests.project.blocks import below, read_blocks
from tests.project.tree import ROOT
from tests.support.process import ServeProcess, environment_name, python, run, serve_process
from tests.support.programs import ASK
from tests.support.sockets import exchange, raw_request
from tests.support.values import AUTHORIZED, documented_create

PAGE: Final = ROOT / "docs" / "cli.md"
CLOCK: Final = "2031-05-06T07:08:09Z"
WITHOUT_WATCHFILES: Final = "import sys; sys.modules['watchfiles'] = None"

LOOKS_OFTEN: Final = "from payments_sandbox.cli import scenario_watcher as w; w.LOOK_EVERY = 50"
"""Makes a server poll files often if it gets no notifications."""

LOGGER = "payments_sandbox.server.scenario_reload"


def write(folder: Path, name: str, rest: str) -> Path:
    """Write the scenario of a name to a file, and return its path."""
    file = folder / f"{name}.yaml"
    file.write_text(f"scenario: {name}\n{dedent(rest)}", encoding="utf-8")
    return file


def pay(server: ServeProcess, key: Mapping[str, str] = AUTHORIZED) -> tuple[int, str | None]:
    """Pay, and return the status and the rule that answered."""
    url = f"{server.address}/v3/payments"
    reply = requests.post(url, json=documented_create(), headers=key, timeout=10)
    return reply.status_code, reply.headers.get("Sandbox-Rule")


FAULTS: Final = """\
    rules:
      - request: create_payment
        do: [{respond: {error: CODE}}]
        then: cycle
    """


def failing(code: str) -> str:
    """Return the rules of a scenario that answers each create with an error."""
    return FAULTS.replace("CODE", code)


def test_a_scenario_is_active_in_every_world_and_sets_its_clock(tmp_path: Path) -> None:
    """This covers the default world, a created one, and that of a new key."""
    file = write(tmp_path, "down", f"clock: {CLOCK}\n" + dedent(failing("internal_error")))
    with serve_process("--scenario", str(file), "--clock", "2030-01-01") as server:
        made = requests.post(f"{server.address}/_sandbox/worlds", timeout=10).json()
        keys = (made["api_key"], "sk_test_sandbox", "sk_test_new")
        seen = {pay(server, {"Authorization": f"Bearer {key}"}) for key in keys}
        clock = exchange(server.address, raw_request("GET", "/_sandbox/clock")).json

    assert seen == {(500, "rule-1")}
    assert clock == {"now": CLOCK, "mode": "frozen", "due": []}


def test_scenarios_apply_in_the_given_order(tmp_path: Path) -> None:
    """The first rule that answers wins, as if they were activated one after the other."""
    first = write(tmp_path, "first", failing("internal_error"))
    second = write(tmp_path, "second", failing("card_declined"))
    for files, status in (((first, second), 500), ((second, first), 400)):
        with serve_process(
            *(word for file in files for word in ("--scenario", str(file)))
        ) as server:
            assert pay(server) == (status, "rule-1")


def test_names_are_resolved_in_files_first_and_then_in_folders_in_order(tmp_path: Path) -> None:
    """The control API knows the same names."""
    folders = [tmp_path / name for name in ("file", "a", "b")]
    for folder, code in zip(folders, ("internal_error", "card_declined", "lost_card"), strict=True):
        folder.mkdir()
        write(folder, "down", failing(code))
    dirs = ["--scenario-dir", str(folders[1]), "--scenario-dir", str(folders[2])]
    with serve_process("--scenario", "down", *dirs) as server:
        assert pay(server) == (400, "rule-1")
        assert (
            "card_declined"
            in exchange(
                server.address, raw_request("GET", "/_sandbox/scenarios/active")
            ).body.decode()
        )
    with serve_process("--scenario", str(folders[0] / "down.yaml"), *dirs) as server:
        known = exchange(server.address, raw_request("GET", "/_sandbox/scenarios")).json["data"]
        assert pay(server) == (500, "rule-1")
        assert [each["name"] for each in known].count("down") == 1


def test_all_problems_of_all_scenarios_are_reported_before_listening(tmp_path: Path) -> None:
    """Each has its place, its line and what is expected."""
    write(
        tmp_path,
        "wrong",
        """\
        rules:
          - request: create_paymnt
            do: [pas]
          - request: create_payment
            do: [{drop: {how: reset}}]
        """,
    )
    write(tmp_path, "misnamed", "expect: [{audit: clean}]").rename(tmp_path / "other.yml")
    ready = tmp_path / "ready.json"
    arguments = ("--scenario", "wrong", "--scenario", "other.yml", "--scenario-dir", ".")
    ended = run("serve", "--port", "0", "--ready-file", str(ready), *arguments, cwd=tmp_path)

    assert (ended.returncode, ended.stdout, ready.exists()) == (2, "", False)
    assert ended.stderr == dedent(
        """\
        wrong.yaml:3:14: unknown value 'create_paymnt'; did you mean 'create_payment'?
              - request: create_paymnt
                         ^
        wrong.yaml:4:10: unknown value 'pas'; did you mean 'pass'?
                do: [pas]
                     ^
        wrong.yaml:6:11: 'drop' needs 'commit'; true: the operation happened before the fault; \
false: it never did
                do: [{drop: {how: reset}}]
                      ^
        other.yml:1:11: 'misnamed' is not the file's name; write scenario: other
            scenario: misnamed
                      ^
        payments-sandbox: --scenario: 4 problems in 2 files.
        """
    )


def test_the_lint_example_in_docs_cli_md_matches_the_output(tmp_path: Path) -> None:
    [shown] = [each for each in below("Scenarios", read_blocks(PAGE)) if each.language == "console"]
    head = "scenario: outage\nabout: All is down.\nrules:\n"
    (tmp_path / "outage.yaml").write_text(f"{head}  - request: create_paymnt\n    do: [pass]\n")
    ended = run("serve", "--scenario", "outage.yaml", cwd=tmp_path)

    assert (ended.returncode, ended.stderr) == (2, shown.code)


def test_a_warning_is_logged_and_the_server_starts(tmp_path: Path) -> None:
    rest = "rules:\n  - request: list_payments\n    do: [{hang: {commit: true}}]\n"
    file = write(tmp_path, "warned", rest)
    with serve_process("--scenario", str(file)) as server:
        server.stop()
        assert server.rest()[1] == (
            f"WARNING payments_sandbox.server.factory: {file}:4:18: warning: commit has no effect"
            " on list_payments, which changes nothing; leave it out\n"
            "        do: [{hang: {commit: true}}]\n"
            "                     ^\n"
        )


def test_an_unknown_name_exits_2_with_the_closest_match(tmp_path: Path) -> None:
    write(tmp_path, "outage", "expect: [{audit: clean}]")
    ended = run("serve", "--scenario", "outgae", "--scenario-dir", str(tmp_path))

    assert (ended.returncode, ended.stdout, ended.stderr) == (
        2,
        "",
        ("payments-sandbox: --scenario: there is no scenario 'outgae'; did you mean 'outage'?\n"),
    )


@pytest.mark.parametrize(
    ("rest", "other", "problem"),
    [
        ("expect: [{audit: clean}]", "", "expected each scenario once; 'a' is given twice"),
        (
            "clock: 2030-01-01\nexpect: [{audit: clean}]",
            "clock: 2031-01-01\nexpect: [{audit: clean}]",
            (
                "expected a single clock; the scenarios start at 2030-01-01T00:00:00Z and"
                " 2031-01-01T00:00:00Z"
            ),
        ),
    ],
    ids=["twice", "two clocks"],
)
def test_duplicate_scenarios_and_conflicting_clocks_exit_2(
    tmp_path: Path, rest: str, other: str, problem: str
) -> None:
    """The scenarios come from the environment here."""
    first = write(tmp_path, "a", rest)
    second = write(tmp_path, "b", other) if other else first
    ended = run("serve", extra={environment_name("--scenario"): f"{first},{second}"})

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"payments-sandbox: --scenario: {problem}.\n"


def test_run_activates_scenarios_before_the_command_starts(tmp_path: Path) -> None:
    file = write(tmp_path, "down", failing("internal_error"))
    program = f"{ASK}print(control('GET', '/scenarios/active'))"
    ended = run("run", "--scenario", str(file), "--", *python(program))
    assert "'name': 'down'" in ended.stdout, ended


class Log:
    """The log of a server, read line by line."""

    def __init__(self, server: ServeProcess) -> None:
        assert server.process.stderr is not None
        self._lines = server.process.stderr

    def until(self, pattern: str) -> list[str]:
        """Return the lines up to the first that matches."""
        found: list[str] = []
        while not (found and re.search(pattern, found[-1])):
            line = self._lines.readline()
            assert line, found
            found.append(line.rstrip("\n"))
        return found


def test_watch_reloads_an_edited_file_and_keeps_the_old_one_if_invalid(tmp_path: Path) -> None:
    """The problems of an invalid file are logged."""
    file = write(tmp_path, "down", failing("internal_error"))
    with serve_process("--scenario", str(file), "--watch", first=LOOKS_OFTEN) as server:
        log = Log(server)
        assert pay(server) == (500, "rule-1")

        write(tmp_path, "down", failing("card_declined"))
        assert log.until("reloaded") == [f"INFO {LOGGER}: down was reloaded in 1 world"]
        assert pay(server) == (400, "rule-1")

        write(tmp_path, "down", failing("card_decline"))
        assert log.until("not reloaded") == [
            (
                f"WARNING {LOGGER}: {file}:4:28: unknown value 'card_decline';"
                " did you mean 'card_declined'?"
            ),
            "        do: [{respond: {error: card_decline}}]",
            "                               ^",
            f"WARNING {LOGGER}: down has 1 problem in 1 file; it was not reloaded",
        ]
        assert pay(server) == (400, "rule-1")

        saved = tmp_path / "down.yaml.part"
        saved.write_text(file.read_text().replace("card_decline", "lost_card"), encoding="utf-8")
        saved.replace(file)  # as editors do
        log.until("reloaded")
        assert pay(server) == (400, "rule-1")
        code, _ = server.stop()

    assert code == 0


def test_watch_reloads_scenarios_of_a_folder_that_are_active(tmp_path: Path) -> None:
    """The scenario was activated by its name."""
    write(tmp_path, "down", failing("internal_error"))
    with serve_process("--scenario-dir", str(tmp_path), "--watch", first=LOOKS_OFTEN) as server:
        active = f"{server.address}/_sandbox/scenarios/active"
        requests.post(active, json="down", headers=AUTHORIZED, timeout=10)
        write(tmp_path, "down", failing("card_declined"))
        Log(server).until("down was reloaded in 1 world$")
        assert pay(server) == (400, "rule-1")


def test_watch_without_files_or_folders_exits_2() -> None:
    """Shipped scenarios are not meant to be edited."""
    ended = run("serve", "--watch")
    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (
        2,
        (
            "payments-sandbox serve: error: argument --watch: requires --scenario FILE or"
            " --scenario-dir DIR"
        ),
    )


def test_watch_of_a_folder_whose_name_is_not_utf_8_exits_2(tmp_path: Path) -> None:
    """Watchfiles takes no such names."""
    (folder := tmp_path / os.fsdecode(b"caf\xe9")).mkdir()
    ended = run("serve", "--watch", "--scenario-dir", str(folder))
    problem = f"argument --watch: cannot watch {tmp_path}/caf?: its name is not UTF-8"
    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (
        2,
        f"payments-sandbox serve: error: {problem}",
    )


def test_watch_without_watchfiles_exits_2_with_the_install_command(tmp_path: Path) -> None:
    ended = run("serve", "--watch", "--scenario-dir", str(tmp_path), first=WITHOUT_WATCHFILES)
    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (
        2,
        (
            "payments-sandbox serve: error: argument --watch: requires the package watchfiles:"
            " pip install 'payments-sandbox[watch]'"
        ),
    )


def test_watch_follows_a_symlink_whose_target_folder_changes(tmp_path: Path) -> None:
    """This is how Kubernetes updates a mounted volume."""
    for name, code in (("..1", "internal_error"), ("..2", "card_declined")):
        (tmp_path / name).mkdir()
        write(tmp_path / name, "down", failing(code))
    (tmp_path / "..data").symlink_to("..1")
    (file := tmp_path / "down.yaml").symlink_to("..data/down.yaml")
    with serve_process("--scenario", str(file), "--watch", first=LOOKS_OFTEN) as server:
        assert pay(server) == (500, "rule-1")
        (tmp_path / "..data_tmp").symlink_to("..2")
        (tmp_path / "..data_tmp").rename(tmp_path / "..data")
        Log(server).until("down was reloaded in 1 world$")
        assert pay(server) == (400, "rule-1")


def test_watch_reloads_when_the_target_of_a_symlink_changes(tmp_path: Path) -> None:
    """The target is in a folder that was not given."""
    (tmp_path / "real").mkdir()
    (tmp_path / "named").mkdir()
    write(tmp_path / "real", "down", failing("internal_error"))
    (file := tmp_path / "named" / "down.yaml").symlink_to("../real/down.yaml")
    with serve_process("--scenario", str(file), "--watch", first=LOOKS_OFTEN) as server:
        write(tmp_path / "real", "down", failing("card_declined"))
        Log(server).until("down was reloaded in 1 world$")
        assert pay(server) == (400, "rule-1")


@pytest.mark.parametrize(("option", "times"), [("--scenario", 1), ("--scenario-dir", 2)])
def test_watch_continues_after_a_folder_is_deleted_and_recreated(
    tmp_path: Path, option: str, times: int
) -> None:
    """Checking out another branch does this; a given folder is recreated twice."""
    (folder := tmp_path / "scenarios").mkdir()
    file = write(folder, "down", failing("internal_error"))
    named = file if option == "--scenario" else folder
    with serve_process(option, str(named), "--watch", first=LOOKS_OFTEN) as server:
        log = Log(server)
        active = f"{server.address}/_sandbox/scenarios/active"
        requests.put(active, json=["down"], headers=AUTHORIZED, timeout=10)
        assert pay(server) == (500, "rule-1")
        for code, status in (("card_declined", 400), ("internal_error", 500))[:times]:
            shutil.rmtree(folder)
            log.until("it was not reloaded$")
            folder.mkdir()
            write(folder, "down", failing(code))
            log.until("down was reloaded in 1 world$")
            assert pay(server) == (status, "rule-1")
