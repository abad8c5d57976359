"""`payments-sandbox run`: a command, its server, and nothing that is left of either."""

import errno
import json
import os
import shlex
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGKILL, SIGTERM, Signals
from typing import Final

import pytest

from tests.project.tree import ROOT
from tests.support.process import (
    COMMAND,
    IGNORE_SIGTERM,
    PRINT_PID_AND_URL,
    WAIT_FOR_SIGNAL,
    environment,
    python,
    run,
    run_process,
    started,
)
from tests.support.programs import ASK
from tests.support.sockets import connected, exchange, raw_request
from tests.support.values import LONGEST_WAIT, documented_create

FORKING: Final = f"""
import subprocess, sys
beside = {"print(flush=True);" + WAIT_FOR_SIGNAL!r}
child = subprocess.Popen([sys.executable, "-c", beside], stdout=subprocess.PIPE)
child.stdout.readline()
"""
"""The begin of a program: another runs beside it, with its stderr."""


TERMINAL: Final = """
import os, pty, sys
def typed(keyboard):
    return os.read(keyboard, 1024) or sys.exit(1)
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:], stdin_read=typed)))
"""
"""A program: a terminal for a command, until that ends or nobody holds the keyboard any more.

A test that is killed cleans nothing up, but the kernel closes what it had open. The terminal goes
with its program then, and hangs up on all that runs there."""


@contextmanager
def at_terminal(script: str) -> Iterator[subprocess.Popen[str]]:
    """A shell script in the foreground of a terminal of its own: its stdin is the keyboard."""
    with subprocess.Popen(
        [*python(TERMINAL), "sh", "-c", f"stty -echo; {script}"],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as terminal:
        try:
            yield terminal
        finally:
            terminal.kill()


SECRET: Final = "whsec_cGF5bWVudHMtc2FuZGJveC1kZWZhdWx0LXNlY3JldCE="
PAY: Final = f"""{ASK}
print(json.dumps(pay({documented_create()!r})))
"""
SHOW: Final = """
import json, os
print(json.dumps({name: value for name, value in os.environ.items() if "PAYMENTS_" in name}))
"""
HANDLES: Final = """
import signal, sys
awaited = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
print("ready", flush=True)
print("heard", int(signal.sigwait(awaited)), flush=True)
sys.exit(7)
"""
ASKS: Final = """
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
print("name?", flush=True)
print("hello", input(), flush=True)
signal.sigwait({signal.SIGINT})
sys.exit("interrupted")
"""


def ended(program: str, *options: str, **extra: str) -> tuple[int, str, str]:
    """The exit code of a run and both outputs."""
    done = run("run", *options, "--", *python(program), extra=extra)
    return done.returncode, done.stdout, done.stderr


def is_gone(address: str) -> bool:
    """Whether nobody listens there any more."""
    host, port = address.removeprefix("http://").split(":")
    with socket.socket() as client:
        return client.connect_ex((host, int(port))) == errno.ECONNREFUSED


def test_the_command_finds_its_server() -> None:
    """Four variables say where it is, whose world, and what signs the webhooks."""
    code, output, errors = ended(SHOW)
    given = json.loads(output)
    address = given["PAYMENTS_BASE_URL"].removesuffix("/v3")

    assert (code, errors) == (0, "")
    assert given == {
        "PAYMENTS_BASE_URL": f"{address}/v3",
        "PAYMENTS_API_KEY": "sk_test_sandbox",
        "PAYMENTS_WEBHOOK_SECRET": SECRET,
        "PAYMENTS_SANDBOX_URL": f"{address}/_sandbox",
    }
    assert is_gone(address)


def test_the_command_can_pay() -> None:
    """The server has the options of `serve`, on the command line or in the environment."""
    fixed = ("--clock", "2030-01-15T10:30:00Z", "--seed", "7")
    code, output, errors = ended(PAY, *fixed)
    paid = json.loads(output)

    assert (code, errors) == (0, "")
    assert paid == {
        "id": paid["id"],
        "status": "completed",
        "amount": 2500,
        "currency": "USD",
        "created_at": "2030-01-15T10:30:00Z",
        "description": "Payment for order #12345",
    }
    again = ended(PAY, "--clock", "2030-01-15T10:30:00Z", PAYMENTS_SANDBOX_SEED="7")
    assert again == (0, output, "")


def test_runs_side_by_side_have_a_port_each() -> None:
    """Each is on a free one; neither disturbs the other."""
    with run_process(WAIT_FOR_SIGNAL) as first, run_process(WAIT_FOR_SIGNAL) as second:
        assert first.address != second.address
        first.process.send_signal(SIGTERM)
        first.ended()
        assert is_gone(first.address)
        assert exchange(second.address, raw_request("GET", "/v3/payments")).status == 200


def test_beyond_loopback_the_command_gets_the_token() -> None:
    """The address is one that it can reach, and the token is an option of whatever it calls."""
    program = "import os; print(os.environ['PAYMENTS_SANDBOX_CONTROL_TOKEN'])"
    assert ended(program, "--host", "0.0.0.0", "--control-token", "abc") == (0, "abc\n", "")
    _, output, _ = ended(SHOW, "--host", "0.0.0.0")
    assert json.loads(output)["PAYMENTS_SANDBOX_URL"].startswith("http://127.0.0.1:")


@pytest.mark.parametrize("code", [0, 77])
def test_the_exit_code_is_the_commands(code: int) -> None:
    """Whatever it means by it."""
    assert ended(f"raise SystemExit({code})") == (code, "", "")


def test_a_command_that_a_signal_ends_has_the_exit_code_of_shells() -> None:
    """128 and the signal's number, as shells have it."""
    assert ended("import os; os.kill(os.getpid(), 9)") == (137, "", "")


def test_a_command_that_cannot_be_run_exits_with_127_or_126() -> None:
    """127 and one line; 126 where it is there, and cannot be run."""
    missing = run("run", "--", "no-such-command", "--help")
    barred = run("run", "--", str(Path(__file__)))

    assert (missing.returncode, missing.stdout) == (127, "")
    assert missing.stderr == (
        "payments-sandbox: cannot run no-such-command: No such file or directory.\n"
    )
    assert (barred.returncode, barred.stdout) == (126, "")
    assert barred.stderr == f"payments-sandbox: cannot run {__file__}: Permission denied.\n"


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ((), "npm test"),
        (("--",), "npm test"),
        (("go", "test"), "go test"),
        (("go", "--", "test"), "go test"),
    ],
)
def test_without_a_command_nothing_runs(words: tuple[str, ...], meant: str) -> None:
    """Exit 2, and what would have worked: behind `--` no option can be mistaken for ours."""
    done = run("run", *words, is_process=False)
    expected = "expected a command after `--`: payments-sandbox run [options] -- "

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == (
        f"payments-sandbox run: error: argument COMMAND: {expected}{meant}"
    )


def test_every_word_behind_the_dashes_is_the_commands() -> None:
    """Options that are like ours, and further dashes."""
    program = "import sys; print(sys.argv[1:])"
    words = ["--seed", "x", "--", "-h", "--port=1", ""]
    done = run("run", "--", *python(program), *words)

    assert (done.returncode, done.stdout, done.stderr) == (0, f"{words}\n", "")


def test_a_port_that_is_taken_runs_no_command() -> None:
    """One line, and the command does not run."""
    reason = os.strerror(errno.EADDRINUSE)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, output, errors = ended("print('ran')", "--port", str(port))

    assert (code, output) == (1, "")
    assert errors == (
        f"payments-sandbox: cannot listen on 127.0.0.1:{port}: {reason};"
        " --port 0 picks a free one.\n"
    )


def test_the_standard_streams_belong_to_the_command() -> None:
    """What it reads and writes passes through untouched, whatever the bytes."""
    program = "import sys; data = sys.stdin.buffer.read(); sys.stdout.buffer.write(data[::-1]);"
    noise = bytes(range(256)) * 1024
    done = subprocess.run(
        [*COMMAND, "run", "--", *python(program + "sys.stderr.buffer.write(data)")],
        env=environment(),
        input=noise,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, noise[::-1], noise)


def test_the_log_is_not_on_the_commands_output() -> None:
    """With `--log`, a line for each request on stderr."""
    code, output, errors = ended(PAY, "--log")
    paid = json.loads(output)["id"]

    assert code == 0
    assert f"Z  create_payment  201  {paid}  2500 USD  " in errors
    assert errors.count("\n") == 1


def test_the_command_has_nothing_open_but_its_streams() -> None:
    """No descriptor of ours: it could keep open what has to end."""
    program = "import os; print(sorted(os.listdir('/dev/fd'))[:3], len(os.listdir('/dev/fd')))"
    assert ended(program)[1] == "['0', '1', '2'] 4\n"  # the fourth is that of the listing


@pytest.mark.parametrize("number", [SIGTERM, SIGINT, SIGHUP])
def test_a_signal_is_passed_to_the_command_once(number: Signals) -> None:
    """It hears it once, and its exit code counts."""
    with run_process(HANDLES) as running:
        assert running.line() == "ready"
        running.process.send_signal(number)
        assert running.ended() == (7, f"heard {number.value}\n", "")
        assert is_gone(running.address)


@pytest.mark.skipif(not Path("/proc").exists(), reason="a shell finds its grandparent there")
def test_a_signal_that_comes_as_the_command_begins_is_passed_on_too() -> None:
    """The run may not have heard yet that the command has begun."""
    script = (
        "trap 'echo heard; exit 7' INT; read -r _ _ _ run _ < /proc/$PPID/stat;"
        " kill -INT $run; sleep 60 & wait"
    )
    done = run("run", "--", "sh", "-c", script)
    assert (done.returncode, done.stdout, done.stderr) == (7, "heard\n", "")


def test_a_signal_reaches_what_the_command_has_started() -> None:
    """As a Ctrl-C would: a shell that waits for its child would not pass it on."""
    shell = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HANDLES!r}])"
    with run_process(shell) as running:
        assert running.line() == "ready"
        running.process.send_signal(SIGTERM)
        code, output, _ = running.ended()
        assert code == 128 + SIGTERM
        assert output.startswith("heard 15")  # and perhaps again, when what is left is ended


def test_a_command_that_ignores_signals_is_killed_by_the_second() -> None:
    """Whoever is impatient says it twice."""
    with run_process(IGNORE_SIGTERM + "print('deaf', flush=True);" + WAIT_FOR_SIGNAL) as running:
        assert running.line() == "deaf"
        running.process.send_signal(SIGTERM)
        assert exchange(running.address, raw_request("GET", "/v3/payments")).status == 200
        running.process.send_signal(SIGTERM)
        assert running.ended() == (128 + SIGKILL, "", "")
        assert is_gone(running.address)


def test_what_the_command_leaves_behind_is_ended() -> None:
    """Its process group goes with the run; what ignores SIGTERM, too: see test_command.py."""
    with run_process(FORKING + "sys.exit(5)") as running:
        assert running.ended() == (5, "", "")


def test_nothing_outlives_a_run_that_is_killed() -> None:
    """SIGKILL: the server, the command and what it has started are gone."""
    with run_process(FORKING + "print('up', flush=True); child.wait()") as running:
        assert running.line() == "up"
        running.process.send_signal(SIGKILL)
        assert running.ended() == (-SIGKILL, "", "")
        assert is_gone(running.address)


def test_nothing_outlives_a_run_whose_group_is_killed() -> None:
    """As some CI systems do it: who sees to the end is not of that group."""
    with run_process(WAIT_FOR_SIGNAL) as running:
        running.kill_group()
        assert running.ended() == (-SIGKILL, "", "")
        assert is_gone(running.address)


def test_a_run_whose_supervisor_is_killed_ends_the_command() -> None:
    """The command is ended, as there would be nobody to do it later."""
    with run_process("print(os.getppid(), flush=True);" + WAIT_FOR_SIGNAL) as running:
        os.kill(int(running.line()), SIGKILL)
        assert running.ended() == (128 + SIGKILL, "", "")


def test_at_a_terminal_the_keys_are_the_commands() -> None:
    """It can ask, Ctrl-C is for it alone, Ctrl-Z for nobody; then the terminal is the shell's."""
    command = shlex.join([*COMMAND, "run", "--", *python(ASKS)])
    with at_terminal(f"{command}; echo $?; read last; echo $last") as terminal:
        assert terminal.stdout is not None
        assert terminal.stdin is not None
        assert terminal.stdout.readline() == "name?\n"
        terminal.stdin.write("\x1aada\n")
        terminal.stdin.flush()
        assert terminal.stdout.readline() == "hello ada\n"
        terminal.stdin.write("\x03")
        terminal.stdin.flush()
        assert [terminal.stdout.readline() for _ in range(2)] == ["interrupted\n", "1\n"]
        terminal.stdin.write("bye\n")
        terminal.stdin.flush()
        assert (terminal.stdout.read(), terminal.wait(LONGEST_WAIT)) == ("bye\n", 0)


def test_nothing_outlives_the_terminal(tmp_path: Path) -> None:
    """Where whoever was at it is killed and cleans nothing up, what runs there has a hang-up."""
    os.mkfifo(held := tmp_path / "held")
    program = f"held = open({str(held)!r}, 'w'); " + PRINT_PID_AND_URL + WAIT_FOR_SIGNAL
    with at_terminal(shlex.join([*COMMAND, "run", "--", *python(program)])) as terminal:
        assert terminal.stdout is not None
        assert terminal.stdin is not None
        with held.open() as command:
            address = terminal.stdout.readline().split()[1].removesuffix("/v3")
            with connected(address) as server:
                terminal.stdin.close()
                assert server.ends()
            assert command.read() == ""


def test_a_verdict_can_go_to_our_own_streams() -> None:
    """Behind what the command has printed there; they stay what they are."""
    for stdout in ("/dev/stdout", "-"):
        files = ("--junit-xml", stdout, "--report", "/dev/stderr")
        code, output, errors = ended("print('ran')", *files)

        assert code == 0
        assert output.startswith("ran\n<?xml ")
        assert "nothing happened" in errors


def test_a_verdict_that_could_not_be_written_is_told_before_the_command_runs(
    tmp_path: Path,
) -> None:
    """One line, and nobody waits an hour for it."""
    file = tmp_path / ("x" * 255)
    code, output, errors = ended("print('ran')", "--junit-xml", str(file))

    assert (code, output) == (1, "")
    assert errors == f"payments-sandbox: cannot write {file}: File name too long.\n"


def test_a_run_whose_terminal_is_gone_keeps_its_state_and_its_verdict(tmp_path: Path) -> None:
    """SIGHUP ends it as SIGTERM does: what it has to put in order is put in order."""
    files = {name: tmp_path / name for name in ("state", "ready", "report")}
    options = [word for name in ("state", "report") for word in (f"--{name}", str(files[name]))]
    with run_process(WAIT_FOR_SIGNAL, *options, "--ready-file", str(files["ready"])) as running:
        running.process.send_signal(SIGHUP)
        code, _, _ = running.ended()
    assert code == 128 + SIGHUP
    assert {name: file.exists() for name, file in files.items()} == {
        "state": True,
        "ready": False,
        "report": True,
    }


def test_the_command_asks_no_proxy_for_its_server() -> None:
    """Whatever the team's machines are told; what was named before still is."""
    program = """
import os, urllib.request
print(urllib.request.urlopen(os.environ["PAYMENTS_SANDBOX_URL"] + "/ready").status)
print(os.environ["NO_PROXY"], os.environ["no_proxy"])
"""
    proxy = dict.fromkeys(("HTTP_PROXY", "http_proxy"), "http://127.0.0.1:1")
    code, output, errors = ended(program, NO_PROXY=".corp", no_proxy="", **proxy)
    hosts = ".corp,localhost,127.0.0.1,::1"
    assert (code, output, errors) == (0, f"200\n{hosts} {hosts}\n", "")


def test_coverage_is_told_when_the_command_has_ended_and_written_where_it_is_wanted(
    tmp_path: Path,
) -> None:
    """Of every world, those that are gone too; stdout is the command's."""
    declined = documented_create(card_number="4000000000000002")
    program = f"""{ASK}
other = control("POST", "/worlds", {{}})["api_key"]
for key in (other, os.environ["PAYMENTS_API_KEY"]):
    os.environ["PAYMENTS_API_KEY"] = key
    try:
        pay({declined!r})
    except OSError:
        pass
    control("POST", "/world/reset", {{}})
"""
    written = tmp_path / "coverage.json"
    page = tmp_path / "coverage.html"
    done = run(
        "run", "--coverage-json", str(written), "--coverage-html", str(page), "--", *python(program)
    )

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("payments-sandbox: coverage of failure: 1 of 98 met (1 %);")
    found = json.loads(written.read_text())
    met = [(each["failure"], each["count"]) for each in found["failures"] if each["count"]]
    assert (met, found["errors"]["seen"]) == ([("card_declined", 2)], ["card_declined"])
    assert "<h1>coverage of failure: 1 of 98 met" in page.read_text()


def test_without_a_call_nothing_is_covered() -> None:
    done = run("run", "--coverage", "--", *python(""))

    assert done.returncode == 0
    assert done.stderr == (
        "payments-sandbox: coverage of failure: nothing is covered, for no call has reached a"
        " sandbox that counts.\n"
    )


WITHOUT_GROUPS: Final = "import os; del os.killpg"
"""As on Windows."""


def without_groups(*words: str) -> subprocess.CompletedProcess[str]:
    return run(*words, first=WITHOUT_GROUPS)


def test_without_process_groups_the_command_finds_its_server_and_is_judged(tmp_path: Path) -> None:
    report = tmp_path / "report.txt"
    ended = without_groups("run", "--report", str(report), "--", *python(PAY))

    assert (ended.returncode, json.loads(ended.stdout)["status"]) == (0, "completed")
    assert report.read_text("utf-8") == "passed: the audit is clean\n"


@pytest.mark.parametrize("code", [0, 7])
def test_without_process_groups_the_exit_code_is_the_commands(code: int) -> None:
    assert without_groups("run", "--", *python(f"raise SystemExit({code})")).returncode == code


def test_without_process_groups_a_command_that_is_not_there_exits_with_127() -> None:
    ended = without_groups("run", "--", "no-such-command")

    assert ended.returncode == 127
    assert "cannot run no-such-command: No such file or directory" in ended.stderr


def test_without_process_groups_a_signal_is_the_commands_to_heed() -> None:
    """As Ctrl-C in a console: it is for both, and the run waits for the command."""
    words = ("run", "--", *python(HANDLES))
    with started(words, first=WITHOUT_GROUPS, process_group=0) as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.killpg(process.pid, SIGINT)
        assert (process.stdout.read(), process.wait()) == (f"heard {int(SIGINT)}\n", 7)


@pytest.mark.parametrize("words", [("explore",), ("prove", "lost-reply")], ids=" ".join)
def test_without_process_groups_what_has_to_end_all_of_a_command_is_refused(
    words: tuple[str, ...],
) -> None:
    ended = without_groups(*words, "--", "true")

    assert (ended.returncode, ended.stdout) == (2, "")
    expected = f"{words[0]} requires a POSIX system; run and serve do not"
    assert ended.stderr == f"payments-sandbox: {expected}.\n"
