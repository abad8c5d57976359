"""What `serve` says to a value that it cannot use, and where it found it."""

from pathlib import Path
from typing import Final

import pytest

from tests.support.process import environment_name, options_of, run, serve_process

WRONG: Final = {
    "--port": ("70000", "expected a whole number from 0 to 65535"),
    "--tls": (
        "cert.pem,key.pem",
        "expected auto, or CERT,KEY: PEM files of a certificate and its key without a password",
    ),
    "--tls-fault": (
        "expird",
        "'expird': expected expired or wrong-host, with an optional port: expired=8444",
    ),
    "--unix": ("no/such/folder/s", "expected a file in an existing folder"),
    "--seed": ("-1", "expected a whole number from 0 to 9007199254740991"),
    "--clock": (
        "tomorrow",
        (
            "expected an ISO 8601 date, or date and time with Z or an offset,"
            " such as 2025-01-15T10:30:00Z, or live"
        ),
    ),
    "--log": ("xml", "expected text or json"),
    "--rate-limit": ("0", "expected a whole number from 1 to 1000000000"),
    "--max-wall-delay": ("5", "expected a duration such as 300ms, 5s, 10m, 2h or 45d"),
    "--world-ttl": ("soon", "expected a duration such as 300ms, 5s, 10m, 2h or 45d"),
    "--max-worlds": ("many", "expected a whole number from 2 to 1000000"),
    "--state": ("no/such/folder/f", "expected a file or folder in an existing folder"),
    "--workers": ("0", "expected a whole number from 1 to 64"),
    "--cluster": ("localhost:6379", "expected an address such as redis://localhost:6379"),
    "--durability": ("always", "expected relaxed or reply"),
    "--advertise": (
        "http://x",
        "expected a host and an optional port, such as 10.0.0.5 or node-1:8080",
    ),
    "--ready-file": ("no/such/folder/f", "expected a file in an existing folder"),
    "--control-token": (" ", "expected printable characters, without leading or trailing blanks"),
    "--webhook": (
        "http://169.254.169.254/",
        (
            "'http://169.254.169.254/': expected no wildcard, link-local, multicast or metadata"
            " address"
        ),
    ),
    "--webhook-ca": ("no/such", "expected a readable file of PEM certificates"),
    "--webhook-targets": ("everywhere", "expected private or public"),
    "--scenario": (
        "no/such.yaml",
        "'no/such.yaml': expected the name of a scenario or an existing file",
    ),
    "--scenario-dir": ("no/such/folder", "'no/such/folder': expected an existing folder"),
    "--allow-host": (
        "shop.test:80",
        "expected a host name without a port, such as shop.test or *.shop.test",
    ),
    "--cors": (
        "http://app.test/",
        "'http://app.test/': expected an origin in lower case, without a path, such as http://localhost:5173",
    ),
}
FLAGS: Final = (
    "--strict-keys", "--lenient", "--coverage", "--watch", "--until-stdin-closes",
)  # fmt: skip
ANYTHING: Final = ("--host",)
"""Only listening shows whether an address is one; `test_serve` tries."""


def test_every_option_has_its_mistake() -> None:
    """An option that is added gets a row here."""
    assert options_of("serve") == {*WRONG, *FLAGS, *ANYTHING}


@pytest.mark.parametrize("option", WRONG)
def test_a_wrong_value_names_the_option(option: str) -> None:
    """Exit 2 and a last line that says what would have worked."""
    value, expected = WRONG[option]
    ended = run("serve", option, value, is_process=False)

    assert (ended.returncode, ended.stdout) == (2, "")
    last = ended.stderr.splitlines()[-1]
    assert last == f"payments-sandbox serve: error: argument {option}: {expected}"


@pytest.mark.parametrize(
    "given", [("--durability", "reply"), ("--advertise", "10.0.0.5")], ids=" ".join
)
def test_what_does_nothing_without_a_cluster_is_refused(given: tuple[str, str]) -> None:
    option, value = given
    for ended in (
        run("serve", option, value, is_process=False),
        run("serve", extra={environment_name(option): value}, is_process=False),
    ):
        assert (ended.returncode, ended.stderr.splitlines()[-1]) == (
            2,
            f"payments-sandbox serve: error: argument {option}: expected --cluster beside it",
        )


def test_of_several_values_the_wrong_one_is_named_and_what_may_be_secret_is_not(
    tmp_path: Path,
) -> None:
    """A file that is like it is suggested."""
    (tmp_path / "outage.yaml").touch()
    wrong = str(tmp_path / "outag.yml")
    ended = run("serve", "--scenario", "lost-reply", "--scenario", wrong, is_process=False)
    assert ended.stderr.splitlines()[-1] == (
        f"payments-sandbox serve: error: argument --scenario: '{wrong}': expected the name of a"
        f" scenario or an existing file; did you mean {tmp_path}/outage.yaml?"
    )
    secret = run("serve", "--webhook", "http://me:hidden@127.0.0.1/", is_process=False)
    assert "hidden" not in secret.stderr
    assert "argument --webhook: expected a url without user" in secret.stderr


def test_a_public_webhook_needs_a_word() -> None:
    """The worst accident is a test event at a production endpoint: it takes two options."""
    ended = run("serve", "--webhook", "http://8.8.8.8/hooks", is_process=False)

    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (
        2,
        (
            "payments-sandbox serve: error: argument --webhook: expected a private address;"
            " --webhook-targets public permits others"
        ),
    )


@pytest.mark.parametrize("option", WRONG)
def test_a_wrong_variable_is_named(option: str) -> None:
    """Exit 2 and the name of the variable; other commands do not mind."""
    value, expected = WRONG[option]
    extra = {environment_name(option): value}
    ended = run("serve", extra=extra, is_process=False)

    assert (ended.returncode, ended.stdout) == (2, "")
    last = ended.stderr.splitlines()[-1]
    assert last == f"payments-sandbox serve: error: {environment_name(option)}: {expected}"
    assert run("cards", extra=extra).returncode == 0


@pytest.mark.parametrize("flag", FLAGS)
def test_a_wrong_flag_in_the_environment_is_named(flag: str) -> None:
    """A flag's variable is a yes or a no."""
    ended = run("serve", extra={environment_name(flag): "perhaps"}, is_process=False)

    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (
        2,
        f"payments-sandbox serve: error: {environment_name(flag)}: expected 1 or 0, true or false",
    )


EMPTY: Final = {environment_name(option): "" for option in {*WRONG, *FLAGS, *ANYTHING}}


def test_an_empty_variable_is_one_that_is_not_set() -> None:
    """CI and compose leave a variable out so: the options are what they are without."""
    del (extra := EMPTY.copy())["PAYMENTS_SANDBOX_CONTROL_TOKEN"]
    with serve_process(extra=extra) as server:
        assert server.facts["ready"] is True


def test_an_empty_token_is_refused() -> None:
    """Whoever sets one wants the server to be protected."""
    ended = run("serve", extra={"PAYMENTS_SANDBOX_CONTROL_TOKEN": ""}, is_process=False)

    assert ended.returncode == 2
    assert "PAYMENTS_SANDBOX_CONTROL_TOKEN: expected printable" in ended.stderr


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--rate-limit", "5"),
        ("--seed", "0"),
        ("--clock", "live"),
        ("--log", "text"),
        ("--lenient", None),
        ("--control-token", "token"),
    ],
)
def test_the_command_line_wins_over_a_variable_that_cannot_be_used(
    option: str, value: str | None
) -> None:
    """Whatever the value, such as one that is none; another variable is still looked at."""
    wrong, expected = WRONG.get(option, ("perhaps", ""))
    extra = {environment_name(option): wrong}
    given = [option] if value is None else [option, value]
    with serve_process(*given, extra=extra) as server:
        assert server.facts["ready"] is True

    ended = run("serve", *given, extra={**extra, "PAYMENTS_SANDBOX_PORT": "x"}, is_process=False)
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].startswith(
        "payments-sandbox serve: error: PAYMENTS_SANDBOX_PORT: "
    )
    assert not expected or expected not in ended.stderr


MISSPELT: Final = {
    "PAYMENTS_SANDBOX_PROT": "PAYMENTS_SANDBOX_PORT",
    "PAYMENTS_SANDBOX_RATE_LIMTI": "PAYMENTS_SANDBOX_RATE_LIMIT",
    "PAYMENTS_SANDBOX_RATELIMIT": "PAYMENTS_SANDBOX_RATE_LIMIT",
    "PAYMENTS_SANDBOX_SCENARIOS": "PAYMENTS_SANDBOX_SCENARIO",
}


@pytest.mark.parametrize("name", MISSPELT)
@pytest.mark.parametrize("command", ["serve", "cards"])
def test_a_misspelt_variable_is_refused_by_every_command(command: str, name: str) -> None:
    """Exit 2 whatever its value: a typo would be an option that silently does nothing."""
    for value in ("1", ""):
        ended = run(command, extra={name: value}, is_process=False)
        hint = f"{name}: there is no such option; did you mean {MISSPELT[name]}?"
        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr.splitlines()[-1] == f"payments-sandbox {command}: error: {hint}"


def test_a_variable_like_no_option_is_warned_of() -> None:
    """A line for each, and the command goes on: such names are a team's own."""
    ended = run("cards", extra={"PAYMENTS_SANDBOX_FOO_TEAM": "red", "PAYMENTS_SANDBOX_": "1"})

    assert (ended.returncode, ended.stdout) == (0, run("cards").stdout)
    assert ended.stderr.splitlines() == [
        f"payments-sandbox cards: warning: {name} is no option, and is ignored."
        for name in ("PAYMENTS_SANDBOX_", "PAYMENTS_SANDBOX_FOO_TEAM")
    ]


def test_a_misspelt_variable_is_refused_without_warnings_of_others() -> None:
    """What has to be mended is the last line, and the only one beside the usage."""
    extra = {"PAYMENTS_SANDBOX_FOO_TEAM": "red", "PAYMENTS_SANDBOX_PROT": "1"}
    ended = run("cards", extra=extra)

    assert ended.returncode == 2
    assert "FOO_TEAM" not in ended.stderr


SERVICE_LINKS: Final = {
    "SERVICE_HOST": "10.0.0.11",
    "SERVICE_PORT": "8080",
    "SERVICE_PORT_HTTP": "8080",
    "PORT": "tcp://10.0.0.11:8080",
    "PORT_8080_TCP": "tcp://10.0.0.11:8080",
    "PORT_8080_TCP_ADDR": "10.0.0.11",
    "PORT_8080_TCP_PORT": "8080",
    "PORT_8080_TCP_PROTO": "tcp",
    "PORT_53_UDP": "udp://10.0.0.11:53",
    "PORT_8000_TCP_START": "tcp://10.0.0.11:8000",
    "PORT_8000_TCP_PORT_END": "8010",
    "ENV_PATH": "/usr/bin",
    "1_ENV_RATE_LIMIT": "20",
}


@pytest.mark.parametrize("service", ["PAYMENTS_SANDBOX_", "PAYMENTS_SANDBOX_WEBHOOKS_"])
def test_variables_that_kubernetes_sets_for_a_service_are_silent(service: str) -> None:
    """Beside a service of our name, or one that begins so; a port's number is another matter."""
    links = {service + name: value for name, value in SERVICE_LINKS.items()}
    ended = run("cards", extra=links)
    port = run("cards", extra={"PAYMENTS_SANDBOX_WEBHOOKS_PORT": "8080"})

    assert (ended.returncode, ended.stderr) == (0, "")
    assert "warning: PAYMENTS_SANDBOX_WEBHOOKS_PORT " in port.stderr


def test_variables_that_name_a_server_to_clients_are_no_options_of_serve() -> None:
    """Clients find a server by two; a service's address is not where `serve` listens."""
    others = {
        "PAYMENTS_SANDBOX_URL": "http://127.0.0.1:8080",
        "PAYMENTS_SANDBOX_API_KEY": "sk_test_sandbox",
        "PAYMENTS_SANDBOX_PORT": "tcp://10.0.0.11:8080",
        "PAYMENTSSANDBOX": "1",
    }
    with serve_process(extra=others) as server:
        assert server.facts["ready"] is True
        server.stop()
        assert server.rest() == ("", "")


def test_half_an_option_is_no_option() -> None:
    """An abbreviation that works today would break when a longer option is added."""
    ended = run("serve", "--strict", is_process=False)

    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (
        2,
        (
            "payments-sandbox serve: error: argument --strict: there is no such option;"
            " did you mean --strict-keys?"
        ),
    )


def test_a_ready_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """Exit 1, and the line names the file, not the address."""
    file = tmp_path / ("x" * 255)
    done = run("serve", "--port", "0", "--ready-file", str(file))
    assert done.returncode == 1
    assert done.stderr == f"payments-sandbox: cannot write {file}: File name too long.\n"
