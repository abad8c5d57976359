"""`payments-sandbox run`: a command with its own server; neither outlives the other."""

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
"""The beginning of a program: it starts a child that shares its stderr."""


TERMINAL: Final = """
import os, pty, sys
def typed(keyboard):
    return os.read(keyboard, 1024) or sys.exit(1)
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:], stdin_read=typed)))
"""
"""A program that runs a command at a terminal until it ends or the keyboard is closed.

A killed test cleans nothing up, but the kernel closes its descriptors. This ends the program and
its terminal, and everything that runs at the terminal gets SIGHUP."""


@contextmanager
def at_terminal(script: str) -> Iterator[subprocess.Popen[str]]:
    """Run a shell script in the foreground of a new terminal; its stdin is the keyboard."""
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
    """Run a program, and return exit code, stdout and stderr."""
    done = run("run", *options, "--", *python(program), extra=extra)
    return done.returncode, done.stdout, done.stderr


def is_gone(address: str) -> bool:
    """Return whether nothing listens there any longer."""
    host, port = address.removeprefix("http://").split(":")
    with socket.socket() as client:
        return client.connect_ex((host, int(port))) == errno.ECONNREFUSED


def test_the_command_gets_four_variables_and_the_server_stops_with_it() -> None:
    """The variables have the two addresses, the key and the webhook secret."""
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


def test_run_takes_the_options_of_serve_and_the_command_can_pay() -> None:
    """Options may also come from the environment."""
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


def test_parallel_runs_have_their_own_ports() -> None:
    """The end of one run does not affect the other."""
    with run_process(WAIT_FOR_SIGNAL) as first, run_process(WAIT_FOR_SIGNAL) as second:
        assert first.address != second.address
        first.process.send_signal(SIGTERM)
        first.ended()
        assert is_gone(first.address)
        assert exchange(second.address, raw_request("GET", "/v3/payments")).status == 200


def test_with_a_wildcard_host_the_command_gets_the_token_and_a_loopback_url() -> None:
    """The token is in the variable that the sandbox's own commands read."""
    program = "import os; print(os.environ['PAYMENTS_SANDBOX_CONTROL_TOKEN'])"
    assert ended(program, "--host", "0.0.0.0", "--control-token", "abc") == (0, "abc\n", "")
    _, output, _ = ended(SHOW, "--host", "0.0.0.0")
    assert json.loads(output)["PAYMENTS_SANDBOX_URL"].startswith("http://127.0.0.1:")


@pytest.mark.parametrize("code", [0, 77])
def test_run_exits_with_the_commands_exit_code(code: int) -> None:
    assert ended(f"raise SystemExit({code})") == (code, "", "")


def test_a_command_ended_by_a_signal_exits_with_128_plus_its_number() -> None:
    """This is what shells do."""
    assert ended("import os; os.kill(os.getpid(), 9)") == (137, "", "")


def test_a_missing_command_exits_127_and_a_non_executable_one_126() -> None:
    """Each is reported in one line."""
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
def test_a_missing_command_or_separator_exits_2_with_an_example(
    words: tuple[str, ...], meant: str
) -> None:
    """After `--`, no option of the command can be mistaken for one of `run`."""
    done = run("run", *words, is_process=False)
    expected = "expected a command after `--`: payments-sandbox run [options] -- "

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == (
        f"payments-sandbox run: error: argument COMMAND: {expected}{meant}"
    )


def test_all_arguments_after_the_separator_are_passed_to_the_command() -> None:
    """Even options that `run` has, and another `--`."""
    program = "import sys; print(sys.argv[1:])"
    words = ["--seed", "x", "--", "-h", "--port=1", ""]
    done = run("run", "--", *python(program), *words)

    assert (done.returncode, done.stdout, done.stderr) == (0, f"{words}\n", "")


def test_a_port_in_use_exits_1_without_running_the_command() -> None:
    reason = os.strerror(errno.EADDRINUSE)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, output, errors = ended("print('ran')", "--port", str(port))

    assert (code, output) == (1, "")
    assert errors == (
        f"payments-sandbox: cannot listen on 127.0.0.1:{port}: {reason};"
        " --port 0 picks a free one.\n"
    )


def test_stdin_stdout_and_stderr_of_the_command_pass_through_unchanged() -> None:
    """This holds for arbitrary bytes."""
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


def test_log_writes_requests_to_stderr_only() -> None:
    code, output, errors = ended(PAY, "--log")
    paid = json.loads(output)["id"]

    assert code == 0
    assert f"Z  create_payment  201  {paid}  2500 USD  " in errors
    assert errors.count("\n") == 1


def test_the_command_inherits_no_descriptors_except_its_streams() -> None:
    """An inherited descriptor could keep a pipe or socket open."""
    program = "import os; print(sorted(os.listdir('/dev/fd'))[:3], len(os.listdir('/dev/fd')))"
    assert ended(program)[1] == "['0', '1', '2'] 4\n"  # the fourth belongs to the listing


@pytest.mark.parametrize("number", [SIGTERM, SIGINT, SIGHUP])
def test_a_signal_is_forwarded_to_the_command_exactly_once(number: Signals) -> None:
    """The run exits with the command's exit code."""
    with run_process(HANDLES) as running:
        assert running.line() == "ready"
        running.process.send_signal(number)
        assert running.ended() == (7, f"heard {number.value}\n", "")
        assert is_gone(running.address)


@pytest.mark.skipif(not Path("/proc").exists(), reason="a shell finds its grandparent there")
def test_a_signal_during_the_start_of_the_command_is_forwarded() -> None:
    """The run may not know yet that the command has started."""
    script = (
        "trap 'echo heard; exit 7' INT; read -r _ _ _ run _ < /proc/$PPID/stat;"
        " kill -INT $run; sleep 60 & wait"
    )
    done = run("run", "--", "sh", "-c", script)
    assert (done.returncode, done.stdout, done.stderr) == (7, "heard\n", "")


def test_a_signal_reaches_the_child_processes_of_the_command() -> None:
    """As with Ctrl-C: a shell that waits for its child would not forward the signal."""
    shell = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HANDLES!r}])"
    with run_process(shell) as running:
        assert running.line() == "ready"
        running.process.send_signal(SIGTERM)
        code, output, _ = running.ended()
        assert code == 128 + SIGTERM
        assert output.startswith("heard 15")  # perhaps twice: the rest of the group is ended too


def test_a_second_signal_kills_a_command_that_ignores_the_first() -> None:
    with run_process(IGNORE_SIGTERM + "print('deaf', flush=True);" + WAIT_FOR_SIGNAL) as running:
        assert running.line() == "deaf"
        running.process.send_signal(SIGTERM)
        assert exchange(running.address, raw_request("GET", "/v3/payments")).status == 200
        running.process.send_signal(SIGTERM)
        assert running.ended() == (128 + SIGKILL, "", "")
        assert is_gone(running.address)


def test_processes_that_the_command_leaves_behind_are_ended() -> None:
    """The run ends its process group; for processes that ignore SIGTERM see test_command.py."""
    with run_process(FORKING + "sys.exit(5)") as running:
        assert running.ended() == (5, "", "")


def test_killing_run_ends_the_server_the_command_and_its_children() -> None:
    """The run is killed with SIGKILL."""
    with run_process(FORKING + "print('up', flush=True); child.wait()") as running:
        assert running.line() == "up"
        running.process.send_signal(SIGKILL)
        assert running.ended() == (-SIGKILL, "", "")
        assert is_gone(running.address)


def test_killing_the_process_group_of_run_ends_the_command_too() -> None:
    """Some CI systems do this; the supervisor is not in that group."""
    with run_process(WAIT_FOR_SIGNAL) as running:
        running.kill_group()
        assert running.ended() == (-SIGKILL, "", "")
        assert is_gone(running.address)


def test_killing_the_supervisor_ends_the_command() -> None:
    """Without the supervisor nothing could end the command later."""
    with run_process("print(os.getppid(), flush=True);" + WAIT_FOR_SIGNAL) as running:
        os.kill(int(running.line()), SIGKILL)
        assert running.ended() == (128 + SIGKILL, "", "")


def test_at_a_terminal_the_command_reads_keys_and_gets_ctrl_c() -> None:
    """Ctrl-Z is ignored; after the command, the shell has the terminal again."""
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


def test_closing_the_terminal_ends_the_command_and_the_server(tmp_path: Path) -> None:
    """They get SIGHUP, even if the terminal's owner was killed and cleaned nothing up."""
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


def test_reports_can_be_written_to_stdout_and_stderr() -> None:
    """They come after the output of the command."""
    for stdout in ("/dev/stdout", "-"):
        files = ("--junit-xml", stdout, "--report", "/dev/stderr")
        code, output, errors = ended("print('ran')", *files)

        assert code == 0
        assert output.startswith("ran\n<?xml ")
        assert "nothing happened" in errors


def test_an_unwritable_report_path_is_reported_before_the_command_runs(
    tmp_path: Path,
) -> None:
    """The error comes at once instead of after a long command."""
    file = tmp_path / ("x" * 255)
    code, output, errors = ended("print('ran')", "--junit-xml", str(file))

    assert (code, output) == (1, "")
    assert errors == f"payments-sandbox: cannot write {file}: File name too long.\n"


def test_sighup_still_writes_the_state_and_the_report(tmp_path: Path) -> None:
    """SIGHUP, as from a closed terminal, ends it as cleanly as SIGTERM."""
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


def test_the_command_uses_no_proxy_for_its_server() -> None:
    """Its addresses are added to `NO_PROXY`, and existing entries are kept."""
    program = """
import os, urllib.request
print(urllib.request.urlopen(os.environ["PAYMENTS_SANDBOX_URL"] + "/ready").status)
print(os.environ["NO_PROXY"], os.environ["no_proxy"])
"""
    proxy = dict.fromkeys(("HTTP_PROXY", "http_proxy"), "http://127.0.0.1:1")
    code, output, errors = ended(program, NO_PROXY=".corp", no_proxy="", **proxy)
    hosts = ".corp,localhost,127.0.0.1,::1"
    assert (code, output, errors) == (0, f"200\n{hosts} {hosts}\n", "")


def test_coverage_of_all_worlds_is_printed_at_the_end_and_written_to_files(
    tmp_path: Path,
) -> None:
    """It includes worlds that were reset; stdout belongs to the command."""
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


def test_coverage_without_any_call_is_reported() -> None:
    done = run("run", "--coverage", "--", *python(""))

    assert done.returncode == 0
    assert done.stderr == (
        "payments-sandbox: coverage of failure: nothing is covered, because no calls reached a"
        " sandbox that counts failures.\n"
    )


WITHOUT_GROUPS: Final = "import os; del os.killpg"
"""Removes what Windows does not have."""


def without_groups(*words: str) -> subprocess.CompletedProcess[str]:
    return run(*words, first=WITHOUT_GROUPS)


def test_without_process_groups_the_command_gets_its_server_and_a_report(tmp_path: Path) -> None:
    report = tmp_path / "report.txt"
    ended = without_groups("run", "--report", str(report), "--", *python(PAY))

    assert (ended.returncode, json.loads(ended.stdout)["status"]) == (0, "completed")
    assert report.read_text("utf-8") == "passed: the audit is clean\n"


@pytest.mark.parametrize("code", [0, 7])
def test_without_process_groups_run_exits_with_the_commands_exit_code(code: int) -> None:
    assert without_groups("run", "--", *python(f"raise SystemExit({code})")).returncode == code


def test_without_process_groups_a_missing_command_exits_127() -> None:
    ended = without_groups("run", "--", "no-such-command")

    assert ended.returncode == 127
    assert "cannot run no-such-command: No such file or directory" in ended.stderr


def test_without_process_groups_the_command_handles_signals_itself() -> None:
    """Ctrl-C in a console reaches both, and the run waits for the command."""
    words = ("run", "--", *python(HANDLES))
    with started(words, first=WITHOUT_GROUPS, process_group=0) as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.killpg(process.pid, SIGINT)
        assert (process.stdout.read(), process.wait()) == (f"heard {int(SIGINT)}\n", 7)


@pytest.mark.parametrize("words", [("explore",), ("prove", "lost-reply")], ids=" ".join)
def test_without_process_groups_explore_and_prove_exit_2(
    words: tuple[str, ...],
) -> None:
    ended = without_groups(*words, "--", "true")

    assert (ended.returncode, ended.stdout) == (2, "")
    expected = f"{words[0]} requires a POSIX system; run and serve do not"
    assert ended.stderr == f"payments-sandbox: {expected}.\n"
