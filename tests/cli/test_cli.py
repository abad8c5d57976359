"""The command line except `serve`: output, help, and errors for invalid arguments."""

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
from tests.support.tables import for_each

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
    "no command": ([], "payments-sandbox: error: the following arguments are required: COMMAND"),
    "misspelt command": (
        ["srve"],
        f"payments-sandbox: error: there is no command 'srve'; did you mean 'serve'? {KNOWN}",
    ),
    "unknown command": (["pay"], f"payments-sandbox: error: there is no command 'pay'. {KNOWN}"),
    "misspelt option": (
        ["serve", "--prot", "0"],
        (
            "payments-sandbox serve: error: argument --prot: there is no such option;"
            " did you mean --port?"
        ),
    ),
    "abbreviated option": (
        ["cards", "--js=1"],
        (
            "payments-sandbox cards: error: argument --js: there is no such option;"
            " did you mean --json?"
        ),
    ),
    "misspelt subcommand": (
        ["scenario", "lst"],
        (
            "payments-sandbox scenario: error: there is no command 'lst'; did you mean 'list'?"
            " The commands are list, show, new, check, use, end, from-journal."
        ),
    ),
    "option before the command": (
        ["--port", "8080", "serve"],
        (
            "payments-sandbox: error: argument --port: there is no such option;"
            " options follow the command"
        ),
    ),
    "option before a subcommand": (
        ["worlds", "--json=1", "list"],
        (
            "payments-sandbox worlds: error: argument --json: there is no such option;"
            " options follow the command"
        ),
    ),
    "misspelt option without a command": (
        ["--versio"],
        (
            "payments-sandbox: error: argument --versio: there is no such option;"
            " did you mean --version?"
        ),
    ),
    "value for a flag": (
        ["cards", "--json=1"],
        "payments-sandbox cards: error: argument --json: expected no value",
    ),
    "misspelt option of a subcommand": (
        ["scenario", "check", "x.yaml", "--gitlab"],
        (
            "payments-sandbox scenario check: error: argument --gitlab: there is no such option;"
            " did you mean --github?"
        ),
    ),
    "one letter of one option": (
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
    "unsupported TLS option": (
        ["serve", "--tls-cert", "cert.pem"],
        (
            "payments-sandbox serve: error: argument --tls-cert: there is no such option;"
            " did you mean --tls?"
        ),
    ),
    "unknown option with a value": (
        ["serve", "--processes", "4"],
        (
            "payments-sandbox serve: error: argument --processes: there is no such option;"
            " --help lists the options."
        ),
    ),
    "unknown option": (
        ["run", "--verbose", "--", "true"],
        (
            "payments-sandbox run: error: argument --verbose: there is no such option;"
            " --help lists the options."
        ),
    ),
    "unexpected argument": (
        ["openapi", "x"],
        (
            "payments-sandbox openapi: error: argument x: unexpected argument;"
            " --help lists the options."
        ),
    ),
    "missing value": (
        ["openapi", "--server"],
        "payments-sandbox openapi: error: argument --server: expected one argument",
    ),
}


@for_each("command", ["", *NAMES, *NESTED])
def test_docs_cli_md_shows_the_help_verbatim(command: str) -> None:
    """docs/cli.md contains what `--help` prints at 80 columns."""
    shown = run(*command.split(), "--help")
    page = HELP[f"payments-sandbox {command}" if command else "Command line"]

    assert (shown.returncode, shown.stderr) == (0, "")
    if sys.version_info < (3, 13):
        assert shown.stdout == page
    assert words(shown.stdout) == words(page)


def test_piped_help_ignores_the_terminal_width() -> None:
    narrow = run("worlds", "list", "--help", extra={"COLUMNS": "40"})

    assert narrow.stdout == run("worlds", "list", "--help").stdout


def words(text: str) -> list[str]:
    """Return the words in order: Python 3.13 wraps lines differently and prints `-n, --limit N`."""
    return text.replace(" -n N,", " -n,").split()


@for_each("heading", HELP)
def test_help_shows_examples_before_options(heading: str) -> None:
    """No line is longer than 90 columns."""
    lines = HELP[heading].splitlines()

    assert lines.index("examples:") < lines.index("options:")
    assert max(map(len, lines)) <= 90


def test_version_prints_the_package_version() -> None:
    assert run("--version").stdout == f"payments-sandbox {payments_sandbox.__version__}\n"


@pytest.mark.parametrize(("arguments", "last"), WRONG.values(), ids=WRONG)
def test_invalid_arguments_exit_2_with_usage_and_one_error_line(
    arguments: list[str], last: str
) -> None:
    """Nothing goes to stdout."""
    ended = run(*arguments)

    assert (ended.returncode, ended.stdout) == (2, "")
    usage, *rest = ended.stderr.splitlines()
    assert (usage[:7], rest) == ("usage: ", [last])


def test_cards_prints_name_number_and_description_of_each_card() -> None:
    rows = [line.split(maxsplit=2) for line in run("cards").stdout.splitlines()]

    assert rows == [[card.name, card.number, card.description] for card in MAGIC_CARDS]


def test_cards_as_json_equal_the_control_api_response() -> None:
    """The route is `GET /_sandbox/cards`."""
    with serve_process() as server:
        listed = exchange(server.address, raw_request("GET", "/_sandbox/cards")).json

    assert json.loads(run("cards", "--json").stdout) == listed


def test_options_of_local_commands_can_be_set_by_environment_variables() -> None:
    """`cards` and `openapi` contact no server, and still read their variables."""
    json_cards = run("cards", extra={"PAYMENTS_SANDBOX_JSON": "1"})
    elsewhere = run("openapi", extra={"PAYMENTS_SANDBOX_SERVER": "http://shop.test/v3"})
    wrong = run("cards", extra={"PAYMENTS_SANDBOX_JSON": "perhaps"})

    assert json_cards.stdout == run("cards", "--json").stdout
    assert elsewhere.stdout == run("openapi", "--server", "http://shop.test/v3").stdout
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.splitlines()[-1] == (
        "payments-sandbox cards: error: PAYMENTS_SANDBOX_JSON: expected 1 or 0, true or false"
    )


def test_openapi_prints_the_same_documents_as_the_server() -> None:
    """With `--server` it prints that server's URL, by default the documented one."""
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
def test_a_closed_stdout_pipe_is_not_an_error(command: str) -> None:
    """As in `payments-sandbox cards | head -1`: no traceback, even if output is still buffered."""
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
