"""Errors of `serve` for invalid values of options and environment variables."""

from pathlib import Path
from typing import Final

import pytest

from tests.support.process import environment_name, options_of, run, serve_process
from tests.support.tables import for_each

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
        (
            "'http://app.test/': expected an origin in lower case, without a path, such as"
            " http://localhost:5173"
        ),
    ),
}
FLAGS: Final = (
    "--strict-keys", "--lenient", "--coverage", "--watch", "--until-stdin-closes",
)  # fmt: skip
ANYTHING: Final = ("--host",)
"""Only listening shows whether an address is valid: see test_serve.py."""


def test_this_module_has_an_invalid_value_for_every_option() -> None:
    """A new option needs a row here."""
    assert options_of("serve") == {*WRONG, *FLAGS, *ANYTHING}


@for_each("option", WRONG)
def test_an_invalid_value_exits_2_naming_its_option(option: str) -> None:
    """The last line says what is expected."""
    value, expected = WRONG[option]
    ended = run("serve", option, value, is_process=False)

    assert (ended.returncode, ended.stdout) == (2, "")
    last = ended.stderr.splitlines()[-1]
    assert last == f"payments-sandbox serve: error: argument {option}: {expected}"


@pytest.mark.parametrize(
    "given", [("--durability", "reply"), ("--advertise", "10.0.0.5")], ids=" ".join
)
def test_cluster_options_without_cluster_exit_2(given: tuple[str, str]) -> None:
    option, value = given
    for ended in (
        run("serve", option, value, is_process=False),
        run("serve", extra={environment_name(option): value}, is_process=False),
    ):
        assert (ended.returncode, ended.stderr.splitlines()[-1]) == (
            2,
            f"payments-sandbox serve: error: argument {option}: requires --cluster",
        )


def test_the_invalid_one_of_several_values_is_named_unless_it_may_be_secret(
    tmp_path: Path,
) -> None:
    """A file with a similar name is suggested."""
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


def test_a_public_webhook_address_needs_webhook_targets_public() -> None:
    """Sending test events to a production endpoint takes two options."""
    ended = run("serve", "--webhook", "http://8.8.8.8/hooks", is_process=False)

    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (
        2,
        (
            "payments-sandbox serve: error: argument --webhook: expected a private address;"
            " --webhook-targets public permits others"
        ),
    )


@pytest.mark.parametrize("option", WRONG)
def test_an_invalid_variable_exits_2_and_does_not_affect_other_commands(option: str) -> None:
    """`cards` runs in spite of the variable."""
    value, expected = WRONG[option]
    extra = {environment_name(option): value}
    ended = run("serve", extra=extra, is_process=False)

    assert (ended.returncode, ended.stdout) == (2, "")
    last = ended.stderr.splitlines()[-1]
    assert last == f"payments-sandbox serve: error: {environment_name(option)}: {expected}"
    assert run("cards", extra=extra).returncode == 0


@for_each("flag", FLAGS)
def test_an_invalid_flag_variable_exits_2(flag: str) -> None:
    """The variable of a flag is a boolean."""
    ended = run("serve", extra={environment_name(flag): "perhaps"}, is_process=False)

    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (
        2,
        f"payments-sandbox serve: error: {environment_name(flag)}: expected 1 or 0, true or false",
    )


EMPTY: Final = {environment_name(option): "" for option in {*WRONG, *FLAGS, *ANYTHING}}


def test_empty_variables_count_as_unset() -> None:
    """CI systems and compose files set unused variables to an empty text."""
    del (extra := EMPTY.copy())["PAYMENTS_SANDBOX_CONTROL_TOKEN"]
    with serve_process(extra=extra) as server:
        assert server.facts["ready"] is True


def test_an_empty_control_token_variable_is_rejected() -> None:
    """Ignoring it would leave a server unprotected that should have a token."""
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
def test_an_option_overrides_an_invalid_variable(option: str, value: str | None) -> None:
    """Variables of other options are still validated."""
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
def test_a_misspelt_variable_exits_2_with_the_closest_match(command: str, name: str) -> None:
    """A typo would otherwise be an option that silently does nothing."""
    for value in ("1", ""):
        ended = run(command, extra={name: value}, is_process=False)
        hint = f"{name}: there is no such option; did you mean {MISSPELT[name]}?"
        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr.splitlines()[-1] == f"payments-sandbox {command}: error: {hint}"


def test_an_unrelated_variable_causes_a_warning() -> None:
    """Each gets one line, and the command runs: a team may have its own variables."""
    ended = run("cards", extra={"PAYMENTS_SANDBOX_FOO_TEAM": "red", "PAYMENTS_SANDBOX_": "1"})

    assert (ended.returncode, ended.stdout) == (0, run("cards").stdout)
    assert ended.stderr.splitlines() == [
        f"payments-sandbox cards: warning: {name} is not an option, and is ignored."
        for name in ("PAYMENTS_SANDBOX_", "PAYMENTS_SANDBOX_FOO_TEAM")
    ]


def test_the_error_for_a_misspelt_variable_comes_without_warnings() -> None:
    """Only the usage and the error are printed."""
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
def test_service_variables_of_kubernetes_cause_no_warnings(service: str) -> None:
    """The service may have the sandbox's name or begin with it; a plain port number is no link."""
    links = {service + name: value for name, value in SERVICE_LINKS.items()}
    ended = run("cards", extra=links)
    port = run("cards", extra={"PAYMENTS_SANDBOX_WEBHOOKS_PORT": "8080"})

    assert (ended.returncode, ended.stderr) == (0, "")
    assert "warning: PAYMENTS_SANDBOX_WEBHOOKS_PORT " in port.stderr


def test_client_variables_do_not_affect_serve() -> None:
    """Clients read URL and key; the URL that Kubernetes sets as port is ignored by `serve`."""
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


def test_an_abbreviated_option_exits_2() -> None:
    """An abbreviation could become ambiguous when an option is added."""
    ended = run("serve", "--strict", is_process=False)

    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (
        2,
        (
            "payments-sandbox serve: error: argument --strict: there is no such option;"
            " did you mean --strict-keys?"
        ),
    )


def test_an_unwritable_ready_file_exits_1_with_its_path(tmp_path: Path) -> None:
    file = tmp_path / ("x" * 255)
    done = run("serve", "--port", "0", "--ready-file", str(file))
    assert done.returncode == 1
    assert done.stderr == f"payments-sandbox: cannot write {file}: File name too long.\n"
