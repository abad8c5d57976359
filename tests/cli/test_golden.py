"""What every command prints on a terminal: 80 and 120 columns wide, with colours and without.

The files below `golden` hold what the terminal receives, so `cat` shows them as a terminal does.
After an intended change, `pytest tests/cli/test_golden.py --update-golden` rewrites them: read the
diff.
"""

import argparse
import json
import re
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from rich.cells import cell_len

import payments_sandbox
from payments_sandbox.cli.main import COMMANDS, make_parser
from payments_sandbox.core import resources
from payments_sandbox.core.instants import read_instant
from payments_sandbox.core.settings import Settings
from tests.project.tree import ROOT
from tests.support.forked import TimelessCommand
from tests.support.process import (
    RemoteWorld,
    ended_with_block,
    environment,
    new_remote_world,
    run,
)
from tests.support.programs import SEND
from tests.support.sockets import RunningServer, running_server
from tests.support.terminal import Terminal, terminal
from tests.support.values import LONGEST_WAIT, PENDING, documented_create

GOLDEN: Final = Path(__file__).with_name("golden")
CLOCK: Final = "2030-01-15T10:30:00Z"
WALL: Final = read_instant("2030-01-15T10:30:00.250Z")
KEY: Final = "sk_test_golden"
NAME: Final = "tests/test_shop.py::TestCheckout::test_an_order_is_paid_once_whatever_happens"
WRONG: Final = """\
scenario: outage
about: Payments fail for a while, and the client has to take that well, whatever it was doing.
rules:
  - request: create_paymnt
    do: [{respond: {error: card_declined}}, {respond: {error: insufficient_funds}}, {pas: 1}]
  - name: twice
    request: create_refund
    do: [pass]
    then: cycel
"""
DECLINED: Final = "4000000000009995"
REQUEST: Final = "req_a056932a86524834"
PAYMENT: Final = "pay_89a87720e551cafb"
WEBHOOK: Final = (
    "--secret", "whsec_cGF5bWVudHMtc2FuZGJveC1kZWZhdWx0LXNlY3JldCE=", "--body", "-",
    "--header", "webhook-id: evt_1", "--header", "webhook-timestamp: 1894703400",
    "--header", "webhook-signature: v1,AAAA", "--now", CLOCK,
)  # fmt: skip

Shown = dict[str, str]
"""Environment variables that switch colours on or off."""

PLAIN: Final[Shown] = {"NO_COLOR": "1", "TERM": "xterm"}
COLOURED: Final[Shown] = {"NO_COLOR": "", "FORCE_COLOR": "", "TERM": "xterm"}
LOOKS: Final = {
    "80": (80, PLAIN),
    "80-coloured": (80, COLOURED),
    "120": (120, PLAIN),
    "120-coloured": (120, COLOURED),
}
"""The folders of golden files, with the width and the colours of their terminal."""


class Case(NamedTuple):
    """A command that exits by itself.

    Attributes:
        words: its arguments.
        code: its exit code.
    """

    words: str
    code: int = 0


CASES: Final = {
    "advance": Case("advance 10m"),
    "cards": Case("cards"),
    "clock-freeze": Case("clock freeze --at 2030-01-15T11:00:00Z"),
    "clock-resume": Case("clock resume --json"),
    "clock-show": Case("clock show"),
    "explain-card": Case("explain insufficient_funds"),
    "explain-fault": Case("explain malform"),
    "explain-request": Case(f"explain {REQUEST}"),
    "healthcheck": Case("healthcheck"),
    "logs": Case("logs"),
    "payments": Case("payments"),
    "payments-one": Case(f"payments {PAYMENT}"),
    "report": Case("report", 1),
    "reset": Case("reset --only journal"),
    "scenario-check": Case("scenario check outage.yaml", 2),
    "scenario-end": Case("scenario end"),
    "scenario-from-journal": Case(f"scenario from-journal {REQUEST}"),
    "scenario-list": Case("scenario list"),
    "scenario-new": Case("scenario new golden"),
    "scenario-show": Case("scenario show lost-reply"),
    "scenario-use": Case("scenario use late-decline"),
    "seed": Case("seed --payments 100"),
    "trigger": Case("trigger payment.completed"),
    "webhook-verify": Case("webhook verify", 1),
    "worlds-drop": Case("worlds drop"),
    "worlds-list": Case("worlds list"),
    "worlds-reset": Case("worlds reset"),
    "worlds-show": Case("worlds show"),
}

FILES: Final = {"explore", "scenario-show", "scenario-from-journal"}
"""Commands that print files, or lines to be copied: their lines are never wrapped."""

AS_PIPED: Final = {
    "openapi": "openapi",
    "schema": "schema",
    "completion": "completion zsh",
    "docs-topic": "docs webhooks",
    "cards-json": "cards --json",
}
"""Commands that print files, which are the same on every terminal."""


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    """Return a server on which no time passes, neither in worlds nor in measurements."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("payments_sandbox.server.factory.wall_clock", lambda: WALL)
        patch.setattr("payments_sandbox.server.emulated_api.perf_counter", lambda: 0.0)
        with running_server(Settings(port=0, clock=CLOCK, seed=7)) as running:
            yield running


@pytest.fixture
def world(server: RunningServer) -> Iterator[RemoteWorld]:
    """Return a world with payments, failures, a scenario and webhooks."""
    made = new_remote_world(server.address, api_key=KEY, seed=7, name=NAME)
    made.control("POST", "/webhook_endpoints", {"url": "inbox:orders"})
    made.control("PUT", "/inbox/orders", {"respond": [500, 200]})
    made.pay()
    made.pay(amount=0)
    made.control("POST", "/scenarios/active", "lost-reply")
    with pytest.raises(ConnectionResetError):
        made.pay()
    made.pay(card_number=DECLINED)
    made.pay(card_number=PENDING, customer_id="cust_" + "x" * 60)
    made.ask("POST", f"/v3/payments/{PAYMENT}/refunds", {"amount": 100})
    made.ask("GET", "/v3/customers")
    yield made
    made.control("DELETE", "/world")


@pytest.fixture
def few_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reduce the documentation to two pages, so that a new page does not change golden files."""
    pages = {
        "cli.md": "# Command line",
        "how-to/go.md": f"# {'A title that is longer than a terminal is wide; ' * 3}",
    }
    monkeypatch.setattr(resources, "data_files", lambda _: pages)


@pytest.fixture
def is_updated(request: pytest.FixtureRequest) -> bool:
    """Return whether the golden files are rewritten."""
    return bool(request.config.getoption("--update-golden"))


def masked(text: str) -> str:
    """Replace what differs from run to run by text of the same width."""
    text = re.sub(r"(?<=127\.0\.0\.1:)[0-9]{5}", "00000", text)
    text = text.replace(payments_sandbox.__version__, "VERSION")
    return text.replace(ROOT.as_uri(), "file:///checkout").replace(str(ROOT), "/checkout")


def hold(name: str, look: str, text: str, *, is_updated: bool) -> None:
    """Compare terminal output with the golden file, and its lines with the terminal's width."""
    columns, _ = LOOKS[look]
    file, text = GOLDEN / look / f"{name}.txt", masked(text)
    plain = re.sub(r"\x1b\[[0-9]*m|\x1b\]8;;[^\x1b]*\x1b\\", "", text)
    too_wide = [line for line in plain.splitlines() if cell_len(line) > columns]
    assert name in FILES or too_wide == []
    assert ("\x1b[" in text) <= look.endswith("coloured")
    if is_updated:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="")
    assert text == file.read_bytes().decode("utf-8")


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", CASES)
def test_the_output_of_a_command_matches_its_golden_file(
    world: RemoteWorld, tmp_path: Path, name: str, look: str, *, is_updated: bool
) -> None:
    columns, shown = LOOKS[look]
    case = CASES[name]
    (tmp_path / "outage.yaml").write_text(WRONG, encoding="utf-8")
    words = [*case.words.split(), *(WEBHOOK if name == "webhook-verify" else ())]
    ended = run(
        *words,
        extra=world.variables | shown,
        columns=columns,
        given="{}",
        cwd=tmp_path,
    )
    assert (ended.returncode, case.code) == (case.code, case.code), ended.stderr
    hold(name, look, ended.stdout, is_updated=is_updated)


@pytest.mark.usefixtures("few_pages")
@pytest.mark.parametrize("look", LOOKS)
def test_the_list_of_docs_pages_matches_its_golden_file(look: str, *, is_updated: bool) -> None:
    columns, shown = LOOKS[look]
    hold("docs", look, run("docs", extra=shown, columns=columns).stdout, is_updated=is_updated)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", AS_PIPED)
def test_machine_readable_output_is_the_same_on_every_terminal(name: str, look: str) -> None:
    columns, shown = LOOKS[look]
    words = AS_PIPED[name].split()
    assert run(*words, extra=shown, columns=columns).stdout == run(*words).stdout


def leaves(parser: argparse.ArgumentParser, *above: str) -> Iterator[str]:
    """Yield the commands that have no subcommands."""
    groups = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]  # noqa: SLF001 - no public access
    if not groups:
        yield " ".join(above)
    for group in groups:
        for name, below in group.choices.items():
            yield from leaves(below, *above, name)


def test_every_command_has_golden_files_and_no_file_is_unused() -> None:
    """A new command needs a case here; a golden file without a command must be deleted."""
    typed = [case.words for case in CASES.values()] + [*AS_PIPED.values(), *PROCESSES]
    untried = [
        each
        for each in leaves(make_parser(COMMANDS))
        if not any(f"{words} ".startswith(f"{each} ") for words in typed)
    ]
    assert untried == []
    expected = {(look, name) for look in LOOKS for name in (*CASES, "docs")} | {*SHOWN}
    assert {(file.parent.name, file.stem) for file in GOLDEN.glob("*/*.txt")} == expected


# Commands that keep running or start others: each is a process at a terminal.

CLIENT: Final = f"""{SEND}
def pay():
    body = {json.dumps(documented_create()).encode()!r}
    send("POST", os.environ["PAYMENTS_BASE_URL"] + "/payments", body)
try:
    pay()
except OSError:
    LOST
"""
COMMAND: Final = ("python3", "-I", "-S", "pay.py")


class Screen(NamedTuple):
    """A command that runs at a terminal."""

    process: subprocess.Popen[str]
    terminal: Terminal

    def wait_for(self, text: str) -> str:
        """Wait until a text is shown, and return everything shown so far."""
        return self.terminal.wait_for(text, LONGEST_WAIT)

    def interrupt(self) -> str:
        """Interrupt the command, and return everything shown.

        A signal that arrives just before Python enters a system call is handled only after that
        call. The next signal interrupts the call, as a second Ctrl-C does.
        """
        while self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(0.5)
        return self.end()

    def end(self) -> str:
        """Wait for the command, and return everything shown."""
        self.process.wait(LONGEST_WAIT)
        return self.terminal.close(LONGEST_WAIT)  # the last of it may not have been read yet


@contextmanager
def screen_of(
    look: str,
    folder: Path,
    *arguments: str,
    extra: Mapping[str, str] | None = None,
    shows_errors: bool = True,
) -> Iterator[Screen]:
    """Run a command at the terminal of a look, with or without its stderr."""
    columns, shown = LOOKS[look]
    variables = environment(**shown, **(extra or {}))
    del variables["COLUMNS"]
    with terminal(columns, LONGEST_WAIT) as device:
        process = TimelessCommand(
            list(arguments),
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=device.device,
            stderr=device.device if shows_errors else subprocess.DEVNULL,
        )
        with ended_with_block(process):
            yield Screen(process, device)


def served(look: str, folder: Path, _world: RemoteWorld) -> str:
    """Serve requests, webhooks and a rejected key, then press Ctrl-C."""
    with screen_of(look, folder, "serve", "--port", "0", "--clock", CLOCK, "--seed", "7") as screen:
        said = screen.wait_for("the magic cards.")
        address = re.findall(r"http://[0-9.:]+", said)[0]
        world = RemoteWorld(address, "sk_test_sandbox")
        world.control("POST", "/webhook_endpoints", {"url": "inbox:orders"})
        world.control("PUT", "/inbox/orders", {"respond": [500, 200]})
        world.pay()
        screen.wait_for("retry at")
        world.pay(amount=0)
        world.pay(card_number=DECLINED)
        screen.wait_for("payment.failed")
        RemoteWorld(address, "sk_live_1").ask("GET", "/v3/payments")
        world.control("POST", "/clock/advance", {"by": "10s"})
        screen.process.send_signal(signal.SIGINT)
        return screen.end()


def listened(look: str, folder: Path, world: RemoteWorld) -> str:
    """Listen to a webhook that is retried."""
    world.control("PUT", "/inbox/mine", {"respond": [500, 200]})
    options = ("--forward-to", "inbox:mine", "--events", "payment.completed")
    with screen_of(look, folder, "listen", *options, extra=world.variables) as screen:
        screen.wait_for("Ctrl-C stops it.")
        world.pay()
        screen.wait_for("retry at")
        screen.process.send_signal(signal.SIGINT)
        return screen.end()


def followed(look: str, folder: Path, world: RemoteWorld) -> str:
    """Follow the log: the last request and a new one."""
    with screen_of(look, folder, "logs", "-f", "-n", "1", extra=world.variables) as screen:
        screen.wait_for("/v3/customers")
        world.ask("GET", "/v3/payments")
        screen.wait_for("list_payments")
        return screen.interrupt()


def ran(look: str, folder: Path, _world: RemoteWorld) -> str:
    """Run a client with a lost reply, an unmet expectation and a log line for each request."""
    options = ("--log", "--clock", CLOCK, "--seed", "7", "--scenario", "lost-reply")
    with screen_of(look, folder, "run", *options, "--", *COMMAND) as screen:
        return screen.end()


def explored(look: str, folder: Path, _world: RemoteWorld) -> str:
    """Explore a client that pays again after a lost reply."""
    options = ("--faults", "drop", "--clock", CLOCK, "--jobs", "1")
    words = ("explore", *options, "--", *COMMAND)
    with screen_of(look, folder, *words, shows_errors=False) as screen:  # the progress is there
        return screen.end()


def proved(look: str, folder: Path, _world: RemoteWorld) -> str:
    """Try to prove a repair that repairs nothing."""
    report = (
        '{"format": 1, "seed": 0, "findings": [{"name": "lost-reply", "verdict": "double_charge",'
        ' "happened": ["create_payment: 201"]}]}'
    )
    (folder / "report.json").write_text(report, encoding="utf-8")
    options = ("--clock", CLOCK, "--against", "report.json")
    words = ("prove", "lost-reply", *options, "--", *COMMAND)
    with screen_of(look, folder, *words, shows_errors=False) as screen:  # the progress is there
        return screen.end()


PROCESSES: Final[Mapping[str, Callable[[str, Path, RemoteWorld], str]]] = {
    "serve": served,
    "listen": listened,
    "logs-follow": followed,
    "run": ran,
    "explore": explored,
    "prove": proved,
}

START_OTHERS: Final = {
    "run": ("80-coloured", "120"),
    "explore": ("80", "120-coloured"),
    "prove": ("80-coloured", "120"),
}
"""Commands that start others, which is slow: each width and each colour setting once."""

SHOWN: Final = [(look, name) for name in PROCESSES for look in START_OTHERS.get(name, LOOKS)]


@pytest.mark.parametrize(("look", "name"), SHOWN)
def test_the_screen_of_a_process_matches_its_golden_file(
    world: RemoteWorld, tmp_path: Path, name: str, look: str, *, is_updated: bool
) -> None:
    (tmp_path / "pay.py").write_text(CLIENT.replace("LOST", "pay()"), encoding="utf-8")
    hold(name, look, PROCESSES[name](look, tmp_path, world), is_updated=is_updated)
