"""`payments-sandbox explore`: runs a command with every failure, and writes reports."""

import asyncio
import io
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple, TextIO

import httpx
import pytest

from payments_sandbox.cli.exploration import command_runs
from payments_sandbox.cli.exploration.command_runs import ExploredCommand
from payments_sandbox.cli.exploration.runner import MatrixProgress, progress_line
from payments_sandbox.core.settings import Settings
from payments_sandbox.exploration.exploration import Exploration, ExplorationOptions
from payments_sandbox.testing.sandbox import Sandbox
from tests.support.flows import flow_of, order
from tests.support.process import run, started
from tests.support.programs import SEND
from tests.support.values import LONGEST_WAIT, documented_create

SCHEMA: Final = Path(__file__).with_name("junit.xsd")
HOUR: Final = 3_600.0

PAY: Final = f"""{SEND}
import json, sys
ORDER = {json.dumps(documented_create()).encode()!r}

def post(path="/v3/payments", body=ORDER):
    return send("POST", os.environ["PAYMENTS_BASE_URL"].removesuffix("/v3") + path, body)

def lost(*asked):
    try:
        status, body = post(*asked)
        return status >= 500
    except OSError:
        return True
"""
"""The beginning of a client: `lost()` pays, and returns whether the reply was lost."""

NAIVE: Final = (
    PAY
    + """
for _ in range(3):
    try:
        status, body = post()
    except OSError:
        continue
    if status < 500:
        sys.exit(0 if json.loads(body)["status"] == "completed" else 1)
sys.exit(3)
"""
)
"""Retries at once, and parses every reply as JSON."""

HEARS: Final = """
import socketserver, threading

class Receiver(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.rfile.readline().strip():
            name, _, value = line.partition(b": ")
            if name.lower() == b"content-length":
                size = int(value)
        hear(json.loads(self.rfile.read(size)))
        self.wfile.write(b"HTTP/1.1 204 No Content\\r\\nConnection: close\\r\\n\\r\\n")

server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_address[1]}/"
post("/_sandbox/webhook_endpoints", json.dumps({"url": url, "events": ["payment.*"]}).encode())
post()
post("/_sandbox/clock/advance", b'{"by": "0s"}')  # returns when what is in flight has arrived
"""
"""Pays, accepts every webhook without verifying it, and passes it to `hear`."""

GIVES_BACK: Final = (
    """
def hear(event):
    post(f"/v3/payments/{event['data']['payment_id']}/refunds", b'{"amount": 100}')
"""
    + HEARS
)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Return the path of the client program."""
    return tmp_path / "pay.py"


def explore(program: Path, text: str, *options: str) -> "subprocess.CompletedProcess[str]":
    """Explore a Python program, without measuring its coverage."""
    program.write_text(text, encoding="utf-8")
    return run("explore", *options, "--", *python(program))


def python(program: Path) -> list[str]:
    """Return the command that starts it, without `site` and its imports."""
    return ["python3", "-I", "-S", str(program)]


def test_a_double_charge_is_found_and_reproduced_by_its_scenario(
    program: Path, tmp_path: Path
) -> None:
    folder, xml, data = tmp_path / "found", tmp_path / "x.xml", tmp_path / "x.json"
    faults = ("--faults", "drop_after_commit,malform,drop,card_declined")
    files = ("--report", str(folder), "--junit-xml", str(xml), "--json", str(data))
    options = ("--seed", "7", "--scenario-dir", str(tmp_path), "--lenient")
    ended = explore(program, NAIVE, *faults, *files, *options)

    report: dict[str, Any] = json.loads(data.read_text("utf-8"))
    names = [each["name"] for each in report["findings"]]
    assert ended.returncode == 1, ended.stderr
    assert [(each["failures"][0]["failure"], each["verdict"]) for each in report["runs"]] == [
        ("drop_after_commit", "double_charge"),
        ("malform_after_commit", "crash"),
        ("drop", "survived"),
        ("malform", "survived"),
        ("card_declined", "crash"),
    ]
    assert names[0] == "01-double_charge-create_payment_cust_abc123_1-drop_after_commit"
    assert sorted(path.name for path in folder.glob("*.yaml")) == [f"{each}.yaml" for each in names]
    assert f"{folder / names[0]}.yaml {shlex.join(options)} -- python3" in ended.stdout
    assert "cust_abc123 paid 5000 USD, but 2500 without the failure." in ended.stdout
    assert (folder / "report.json").read_bytes() == data.read_bytes()
    assert not {"http:", "https:", "src="} & set((folder / "index.html").read_text("utf-8").split())
    from xmlschema import XMLSchema  # noqa: PLC0415 - it takes long

    XMLSchema(SCHEMA).validate(xml)

    again = run("run", "--scenario", str(folder / f"{names[0]}.yaml"), "--", *python(program))
    assert again.returncode == 1
    assert "1 of 1 expectation not met" in again.stderr


def test_a_webhook_handled_twice_is_found_and_reproduced_by_its_scenario(
    program: Path, tmp_path: Path
) -> None:
    """Other bugs are covered in `tests/exploration`."""
    folder = tmp_path / "found"
    ended = explore(program, PAY + GIVES_BACK, "--faults", "twice", "--report", str(folder))
    found = sorted(folder.glob("*-handled_twice-*.yaml"))
    again = [run("run", "--scenario", str(each), "--", *python(program)) for each in found]

    assert ended.returncode == 1, ended.stderr
    assert len(found) == 1, ended.stdout
    assert [each.returncode for each in again] == [1]


class Twice(NamedTuple):
    """The same exploration twice, with a finding that is accepted and one that is not.

    Attributes:
        one: with one run at a time; its report is written to stdout.
        four: with four runs at a time.
        file: the report of the latter.
    """

    one: "subprocess.CompletedProcess[str]"
    four: "subprocess.CompletedProcess[str]"
    file: Path


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Twice:
    """Explore the naive client twice."""
    folder = tmp_path_factory.mktemp("twice")
    program, file = folder / "pay.py", folder / "x.json"
    options = ("--faults", "drop_after_commit,card_declined", "--allow", "double_charge")
    one = explore(program, NAIVE, *options, "--jobs", "1", "--json", "-")
    four = explore(program, NAIVE, *options, "--jobs", "4", "--json", str(file))
    return Twice(one, four, file)


def test_equal_seeds_give_equal_reports_for_any_number_of_jobs(twice: Twice) -> None:
    four = json.loads(twice.file.read_text("utf-8"))
    assert _without_seconds(json.loads(twice.one.stdout)) == _without_seconds(four)


def test_json_dash_writes_only_the_report_to_stdout(twice: Twice) -> None:
    """The text report goes to stderr instead."""
    assert json.loads(twice.one.stdout)["findings"]
    assert twice.four.stdout in twice.one.stderr


def _without_seconds(value: Any) -> Any:  # noqa: ANN401 - JSON
    match value:
        case dict():
            return {key: _without_seconds(each) for key, each in value.items() if key != "seconds"}
        case list():
            return [_without_seconds(each) for each in value]
        case _:
            return value


def test_allowed_and_baseline_findings_do_not_fail_the_exploration(
    program: Path, twice: Twice
) -> None:
    told = "1 finding, 1 accepted in 2 runs (double_charge 1, crash 1)\n"
    assert twice.four.stdout.startswith(told), twice.four.stdout
    assert [twice.one.returncode, twice.four.returncode] == [1, 1]

    options = ("--faults", "drop_after_commit,card_declined", "--baseline", str(twice.file))
    ended = explore(program, NAIVE, *options)

    told = "nothing found, 2 accepted in 2 runs (double_charge 1, crash 1)\n"
    assert ended.stdout.startswith(told), ended.stdout
    assert ended.returncode == 0


def test_a_command_that_fails_without_any_fault_exits_2_with_its_output(
    program: Path,
) -> None:
    ended = explore(program, "import sys; print('no such shop'); sys.exit('stop')")

    assert (ended.returncode, ended.stdout) == (2, "")
    assert "it fails even without a failure: exit status 1" in ended.stderr
    assert "  no such shop\n  stop\n" in ended.stderr
    assert "It runs without a terminal and without input" in ended.stderr


def test_a_command_that_does_not_exist_exits_127() -> None:
    ended = run("explore", "--", "no-such-command-anywhere")

    assert (ended.returncode, ended.stdout) == (127, "")
    assert "cannot run no-such-command-anywhere: No such file" in ended.stderr


def test_an_invalid_scenario_exits_2_before_the_command_runs(program: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("scenario: wrong\nrules: [{request: pay, do: [pass]}]\n", encoding="utf-8")
    ended = explore(program, NAIVE, "--scenario", str(wrong))

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.endswith("payments-sandbox: --scenario: 1 problem in 1 file.\n")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--budget", "1ms"), "time was up"),
        (("--faults", "lost"), "no call meets the failures of --faults"),
    ],
)
def test_an_exploration_that_tried_no_failure_exits_2(
    program: Path, options: tuple[str, str], why: str
) -> None:
    ended = explore(program, NAIVE, *options)

    assert ended.returncode == 2
    assert f"no failure was tried ({why}); nothing is known" in ended.stderr


@pytest.mark.parametrize("command", ["explore", "prove"])
def test_an_empty_told_by_is_rejected(command: str) -> None:
    """Every output contains the empty text, so every failed run would count as reported."""
    arguments = ("lost-reply",) if command == "prove" else ()
    ended = run(command, *arguments, "--told-by", "", "--", "true")

    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (
        2,
        (f"payments-sandbox {command}: error: argument --told-by: expected text that is not empty"),
    )


def test_an_exploration_in_which_no_failure_was_met_exits_2(program: Path, tmp_path: Path) -> None:
    """The command makes calls only in its first two runs, so no later run meets a failure."""
    reads_twice = f"""
with open({str(tmp_path / "runs")!r}, "ab", buffering=0) as file:
    file.write(b"x")
    is_usual = file.tell() <= 2
if is_usual:
    post(body=b"")
"""
    ended = explore(program, PAY + reads_twice, "--faults", "drop,card_declined")

    assert ended.returncode == 2
    assert ended.stdout.startswith("nothing found in 3 runs (not_met 3)\n")
    assert "no failure occurred in its run; nothing is known" in ended.stderr


class Hanging(NamedTuple):
    """A program that hangs in four processes; each writes its process id before it hangs."""

    words: list[str]
    told: TextIO


@pytest.fixture
def hanging(program: Path, tmp_path: Path) -> Iterator[Hanging]:
    """Return a program whose processes ignore SIGTERM and print megabytes; one leaves the group."""
    os.mkfifo(pids := tmp_path / "pids")
    hangs = f"""
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
os.fork()
for _ in range(20):
    print("x" * 100_000, flush=True)
with open({str(pids)!r}, "w") as file:
    file.write(f"{{os.getpid()}}\\n")
signal.pause()
"""
    program.write_text(hangs, encoding="utf-8")
    with os.fdopen(os.open(pids, os.O_RDWR), encoding="utf-8") as told:  # O_RDWR: no end of file
        yield Hanging(python(program), told)


async def test_a_hanging_command_is_killed_with_all_its_processes(
    hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command_runs, "GRACE", 0)
    command = ExploredCommand(hanging.words, Settings(port=0, seed=7), timeout=HOUR)
    running = asyncio.create_task(command.run(1, None))
    pids = await asyncio.to_thread(lambda: [hanging.told.readline().strip() for _ in range(4)])
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: time.monotonic() + HOUR)
    record = await running

    assert record.end.timed_out
    assert len(set(pids)) == 4
    assert not any(map(_is_running, pids))


def test_a_timeout_without_any_fault_is_reported() -> None:
    ended = run("explore", "--timeout", "1ms", "--", "sleep", "60")

    assert (ended.returncode, ended.stdout) == (2, "")
    assert "it fails even without a failure: it did not finish in time" in ended.stderr


def _is_running(process: str) -> bool:
    """A zombie has ended, even if its new parent has not reaped it yet."""
    try:
        state = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}


def test_worlds_that_the_command_creates_are_explored_too(program: Path) -> None:
    own = PAY.replace(
        "ORDER =",
        """
def make():
    made = send("POST", os.environ["PAYMENTS_SANDBOX_URL"] + "/worlds", b"{}")
    os.environ["PAYMENTS_API_KEY"] = json.loads(made[1])["api_key"]

make()
ORDER =""",
    )
    ended = explore(program, f"{own}\nlost() and lost()", "--faults", "drop", "--jobs", "3")

    assert ended.returncode == 1
    assert ended.stdout.startswith("1 finding in 2 runs (double_charge 1, survived 1)\n")


def test_ctrl_c_exits_130_with_the_report_so_far(program: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    waits = f"""
if lost():
    open({str(pipe)!r}, "w").close()
    import signal
    signal.pause()
"""
    program.write_text(PAY + waits, encoding="utf-8")
    options = ("--jobs", "1", "--faults", "card_declined,drop")
    with started(["explore", *options, "--", *python(program)]) as process:
        pipe.read_text()  # a run waits now
        process.send_signal(signal.SIGINT)
        printed, said = process.communicate(timeout=LONGEST_WAIT)

    assert (process.returncode, said) == (130, "")
    assert "3 left out, since time was up" in printed


def test_progress_on_a_terminal_shows_the_matrix_and_erases_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The matrix is erased at the end of the block."""
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "30")
    exploration = Exploration(ExplorationOptions(among=frozenset({"drop"})))
    flow = flow_of(_pays)
    exploration.begin(flow(None), flow(None))
    [first, _] = exploration.next_batch()
    with MatrixProgress(exploration) as progress:
        exploration.record(first, flow(first.scenario()))
        progress.show()

    shown, erased = terminal.getvalue().rsplit("\r\x1b[J", 1)
    assert "drop_after_commit                   L\n" in shown
    assert "1 of 2 runs" in shown
    assert erased == ""


def test_no_progress_is_shown_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with MatrixProgress(Exploration(ExplorationOptions())) as progress:
        progress.show()

    assert capsys.readouterr() == ("", "")


def test_the_progress_line_shows_finished_runs_and_seconds_left() -> None:
    assert progress_line(2, 4, 10.0) == f"[{'█' * 15}{'░' * 15}] 2 of 4 runs, 10 s left"
    assert progress_line(0, 0, 0.0) == f"[{'░' * 30}] 0 of 0 runs, 0 s left"


def _pays(api: httpx.Client, _: Sandbox) -> int:
    try:
        return api.post("/payments", json=order()).status_code - 201
    except httpx.HTTPError:
        return 1
