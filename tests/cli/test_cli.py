"""The command line apart from `serve`: what it prints, and what it says when called wrongly."""

import json
import os
import subprocess
import sys
from typing import Final

import pytest

import payments_sandbox
from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from tests.project.blocks import read_blocks
from tests.project.tree import ROOT
from tests.support.process import COMMAND, environment, run, serve_process
from tests.support.sockets import exchange, raw_request

NAMES: Final = (
    "serve", "run", "explore", "prove", "healthcheck", "advance", "trigger", "logs", "listen",
    "report", "seed", "reset", "worlds", "clock", "payments", "scenario", "webhook", "cards",
    "explain", "docs", "openapi", "schema", "completion",
)  # fmt: skip
NESTED: Final = (
    "webhook verify", "scenario list", "scenario show", "scenario new", "scenario check",
    "scenario use", "scenario end", "worlds list", "worlds show", "worlds reset", "worlds drop",
    "clock show", "clock freeze", "clock resume",
    "scenario from-journal",
)  # fmt: skip
PAGE: Final = ROOT / "docs" / "cli.md"
HELP: Final = {block.heading: block.code for block in read_blocks(PAGE) if block.language == "text"}
KNOWN: Final = f"The commands are {', '.join(NAMES)}."
WRONG: Final = {
    "none": ([], "payments-sandbox: error: the following arguments are required: COMMAND"),
    "close": (
        ["srve"],
        f"payments-sandbox: error: there is no command 'srve'; did you mean 'serve'? {KNOWN}",
    ),
    "far": (["pay"], f"payments-sandbox: error: there is no command 'pay'. {KNOWN}"),
    "option": (
        ["serve", "--prot", "0"],
        (
            "payments-sandbox serve: error: argument --prot: there is no such option;"
            " did you mean --port?"
        ),
    ),
    "half": (
        ["cards", "--js=1"],
        (
            "payments-sandbox cards: error: argument --js: there is no such option;"
            " did you mean --json?"
        ),
    ),
    "nested": (
        ["scenario", "lst"],
        (
            "payments-sandbox scenario: error: there is no command 'lst'; did you mean 'list'?"
            " The commands are list, show, new, check, use, end, from-journal."
        ),
    ),
    "before the command": (
        ["--port", "8080", "serve"],
        (
            "payments-sandbox: error: argument --port: there is no such option;"
            " options follow the command"
        ),
    ),
    "before a nested command": (
        ["worlds", "--json=1", "list"],
        (
            "payments-sandbox worlds: error: argument --json: there is no such option;"
            " options follow the command"
        ),
    ),
    "misspelt, without a command": (
        ["--versio"],
        (
            "payments-sandbox: error: argument --versio: there is no such option;"
            " did you mean --version?"
        ),
    ),
    "a value for a switch": (
        ["cards", "--json=1"],
        "payments-sandbox cards: error: argument --json: expected no value",
    ),
    "nested option": (
        ["scenario", "check", "x.yaml", "--gitlab"],
        (
            "payments-sandbox scenario check: error: argument --gitlab: there is no such option;"
            " did you mean --github?"
        ),
    ),
    "one letter": (
        ["logs", "-j"],
        (
            "payments-sandbox logs: error: argument -j: there is no such option;"
            " did you mean --json?"
        ),
    ),
    "one letter of several options": (
        ["run", "-r", "report.txt", "--", "true"],
        (
            "payments-sandbox run: error: argument -r: there is no such option; did you mean"
            " --report or --rate-limit or --ready-file?"
        ),
    ),
    "TLS": (
        ["serve", "--tls-cert", "cert.pem"],
        (
            "payments-sandbox serve: error: argument --tls-cert: there is no such option;"
            " did you mean --tls?"
        ),
    ),
    "far option": (
        ["serve", "--processes", "4"],
        (
            "payments-sandbox serve: error: argument --processes: there is no such option;"
            " --help lists the options."
        ),
    ),
    "no option": (
        ["run", "--verbose", "--", "true"],
        (
            "payments-sandbox run: error: argument --verbose: there is no such option;"
            " --help lists the options."
        ),
    ),
    "argument": (
        ["openapi", "x"],
        (
            "payments-sandbox openapi: error: argument x: unexpected argument;"
            " --help lists the options."
        ),
    ),
    "no value": (
        ["openapi", "--server"],
        "payments-sandbox openapi: error: argument --server: expected one argument",
    ),
}


@pytest.mark.parametrize("command", ["", *NAMES, *NESTED])
def test_the_page_shows_the_help_as_it_is(command: str) -> None:
    """docs/cli.md has what `--help` prints, 80 columns wide."""
    shown = run(*command.split(), "--help")
    page = HELP[f"payments-sandbox {command}" if command else "Command line"]

    assert (shown.returncode, shown.stderr) == (0, "")
    if sys.version_info < (3, 13):
        assert shown.stdout == page
    assert words(shown.stdout) == words(page)


def test_help_in_a_pipe_is_the_same_on_every_terminal() -> None:
    narrow = run("worlds", "list", "--help", extra={"COLUMNS": "40"})

    assert narrow.stdout == run("worlds", "list", "--help").stdout


def words(text: str) -> list[str]:
    """In order: Python 3.13 breaks lines elsewhere, and has `-n, --limit N`."""
    return text.replace(" -n N,", " -n,").split()


@pytest.mark.parametrize("heading", HELP)
def test_help_is_examples_first(heading: str) -> None:
    """What to type comes before the list of options, and fits the page."""
    lines = HELP[heading].splitlines()

    assert lines.index("examples:") < lines.index("options:")
    assert max(map(len, lines)) <= 90


def test_the_version_is_the_packages() -> None:
    """One line."""
    assert run("--version").stdout == f"payments-sandbox {payments_sandbox.__version__}\n"


@pytest.mark.parametrize(("arguments", "last"), WRONG.values(), ids=WRONG)
def test_a_wrong_call_says_what_is_wrong(arguments: list[str], last: str) -> None:
    """Exit 2, nothing on stdout, and the usage above one line."""
    ended = run(*arguments)

    assert (ended.returncode, ended.stdout) == (2, "")
    usage, *rest = ended.stderr.splitlines()
    assert (usage[:7], rest) == ("usage: ", [last])


def test_cards_are_a_table() -> None:
    """Name, number and what happens: a line for each card."""
    rows = [line.split(maxsplit=2) for line in run("cards").stdout.splitlines()]

    assert rows == [[card.name, card.number, card.description] for card in MAGIC_CARDS]


def test_cards_are_json_like_the_control_apis() -> None:
    """The same envelope as that of `GET /_sandbox/cards`."""
    with serve_process() as server:
        listed = exchange(server.address, raw_request("GET", "/_sandbox/cards")).json

    assert json.loads(run("cards", "--json").stdout) == listed


def test_every_option_comes_from_the_environment() -> None:
    """Those of the commands that ask no server, too."""
    json_cards = run("cards", extra={"PAYMENTS_SANDBOX_JSON": "1"})
    elsewhere = run("openapi", extra={"PAYMENTS_SANDBOX_SERVER": "http://shop.test/v3"})
    wrong = run("cards", extra={"PAYMENTS_SANDBOX_JSON": "perhaps"})

    assert json_cards.stdout == run("cards", "--json").stdout
    assert elsewhere.stdout == run("openapi", "--server", "http://shop.test/v3").stdout
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.splitlines()[-1] == (
        "payments-sandbox cards: error: PAYMENTS_SANDBOX_JSON: expected 1 or 0, true or false"
    )


def test_openapi_prints_the_servers_documents() -> None:
    """Valid; with `--server` what a server has there, else with the usual URL."""
    from openapi_spec_validator import validate  # noqa: PLC0415 - it takes long

    documented = json.loads(run("openapi").stdout)
    control = json.loads(run("openapi", "--control").stdout)
    with serve_process() as server:
        host = {"Host": server.address.removeprefix("http://")}
        api, remote = (
            exchange(server.address, raw_request("GET", f"/_sandbox/{name}.json", host)).json
            for name in ("openapi", "control-openapi")
        )
        printed = json.loads(run("openapi", "--server", f"{server.address}/v3").stdout)

    validate(documented)
    assert printed == api
    # The address of a server, and one that ends in a slash, mean the same.
    for given in (server.address, f"{server.address}/v3/"):
        assert json.loads(run("openapi", "--server", given).stdout) == api
    assert json.loads(run("openapi", "--control", "--server", server.address).stdout) == remote
    assert documented == api | {
        "servers": [
            {"url": "https://api.payments.example.com/v3", "description": "The Payments API."}
        ]
    }
    assert control == remote | {
        "servers": [{"url": "http://127.0.0.1:8080/_sandbox", "description": "The sandbox."}]
    }


@pytest.mark.parametrize("command", ["cards", "openapi"])
def test_a_reader_that_has_seen_enough_is_no_error(command: str) -> None:
    """As in `payments-sandbox cards | head -1`: no traceback, even for what is still buffered."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        ended = subprocess.run(
            [*COMMAND, command],
            env=environment(PYTHONUNBUFFERED=""),
            stdout=closed,
            stderr=subprocess.PIPE,
            check=False,
        )

    assert (ended.returncode, ended.stderr) == (0, b"")
