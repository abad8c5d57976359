"""`serve --tls` and `--unix`, and the variables that `run` sets for them."""

import json
import os
import socket
import ssl
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from payments_sandbox.client.async_client import AsyncSandboxClient
from payments_sandbox.client.errors import Unreachable, UnreachableCause
from payments_sandbox.core.tls_options import TRUST_VARIABLES
from tests.support.process import python, run, serve_process, started
from tests.support.receiver import SELF_SIGNED
from tests.support.sockets import exchange, raw_request
from tests.support.tls import tls_connected, trusting

LAST = raw_request("GET", "/v3/payments", {"Connection": "close"})
TLS = ("--tls", "auto", "--tls-fault", "expired", "--tls-fault", "wrong-host")


@pytest.fixture(autouse=True)
def nobody_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove trust variables that this machine may have."""
    for name in TRUST_VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_the_ca_certificate_is_next_to_the_ready_file_until_the_server_stops(
    tmp_path: Path,
) -> None:
    """The ready file, the certificate and the bundle are deleted at the end."""
    ready, own = tmp_path / "ready.json", tmp_path / "ready.ca.pem"
    with serve_process(*TLS, "--ready-file", str(ready)) as server:
        facts = json.loads(ready.read_text(encoding="utf-8"))
        assert {"ready": True, **facts} == server.facts
        assert facts["ca_file"] == str(own)
        for url in (facts["base_url"], *facts["tls_faults"].values()):
            assert url.startswith("https://127.0.0.1:")
            assert url.endswith("/v3")
        assert list(facts["tls_faults"]) == ["expired", "wrong-host"]
        assert Path(facts["ca_bundle"]).read_bytes().endswith(own.read_bytes())
        with tls_connected(facts["base_url"], trusting(own.read_bytes())) as wire:
            wire.send(LAST)
            assert wire.rest()[0].startswith(b"HTTP/1.1 200")
        assert exchange(server.address, LAST).status == 200
        code, _ = server.stop()
        output, errors = server.rest()
    assert (code, output, errors) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
    assert not Path(facts["ca_bundle"]).exists()


def test_without_a_ready_file_the_ca_certificate_is_a_temporary_file() -> None:
    """The ready line has its path."""
    with serve_process("--tls", "auto", "--ready-file", os.devnull) as server:
        own = Path(server.facts["ca_file"])
        assert own.name == "ca.pem"
        assert own.read_bytes().startswith(b"-----BEGIN CERTIFICATE-----")
        server.stop()
    assert not own.parent.exists()


def test_with_an_own_certificate_or_plain_http_no_ca_file_is_written() -> None:
    """Users of an own certificate know which authority they trust."""
    for options in (("--tls", f"{SELF_SIGNED},{SELF_SIGNED}"), ()):
        with serve_process(*options) as server:
            assert {"ca_file", "ca_bundle", "tls_faults"}.isdisjoint(server.facts)
            assert server.facts["base_url"].startswith("https:" if options else "http:")


def test_a_unix_socket_has_an_absolute_path_and_is_deleted_on_exit(tmp_path: Path) -> None:
    """The path was given relative to the working directory."""
    with serve_process("--unix", "s.sock", command=_absolute(), cwd=tmp_path) as server:
        path = tmp_path / "s.sock"
        assert server.facts["unix_socket"] == str(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(LAST)
            assert client.recv(12) == b"HTTP/1.1 200"
        second = run("serve", "--port", "0", "--unix", str(path))
        server.stop()
    assert (second.returncode, second.stdout, second.stderr) == (
        1,
        "",
        f"payments-sandbox: cannot listen on {path}: another server is listening on it.\n",
    )
    assert list(tmp_path.iterdir()) == []


def _absolute() -> tuple[str, ...]:
    """Return the command for any working directory."""
    program = "import sys; from payments_sandbox.cli import main; sys.exit(main())"
    return (sys.executable, "-c", program)


def test_a_terminal_shows_certificate_socket_and_tls_fault_urls(tmp_path: Path) -> None:
    at_terminal = "import sys; sys.stdout.isatty = lambda: True"
    socket_path = str(tmp_path / "s")
    words = ("serve", "--port", "0", *TLS, "--unix", socket_path, "--no-color")
    with started(words, first=at_terminal) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(11)]
        process.terminate()
    said = {line[2:18].strip(): line[18:].strip() for line in lines[1:-1]}
    assert list(said) == [
        "base URL",
        "API key",
        "webhook secret",
        "control API",
        "CA certificate",
        "unix socket",
        "expired",
        "wrong-host",
        "dashboard",
    ]
    assert said["unix socket"] == socket_path
    assert said["wrong-host"].startswith("https://127.0.0.1:")


PRINT = "import json, os; print(json.dumps(dict(os.environ)))"


def told(*options: str, **extra: str) -> dict[str, Any]:
    """Return the environment that `run` gives to a command."""
    ended = run("run", *options, "--", *python(PRINT), extra=extra)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_run_sets_the_trust_and_tls_url_variables_of_the_command() -> None:
    """These are the variables that TLS libraries read, and `PAYMENTS_CA_FILE`."""
    variables = told(*TLS)
    bundle = variables["SSL_CERT_FILE"]

    assert variables["PAYMENTS_BASE_URL"].startswith("https://127.0.0.1:")
    assert [variables[each] for each in TRUST_VARIABLES[:-1]] == [bundle] * 3
    assert variables["NODE_EXTRA_CA_CERTS"] == variables["PAYMENTS_CA_FILE"]
    assert variables["PAYMENTS_TLS_EXPIRED_URL"].startswith("https://127.0.0.1:")
    assert variables["PAYMENTS_TLS_WRONG_HOST_URL"].endswith("/v3")


def test_without_tls_run_sets_no_trust_variables() -> None:
    assert not {*TRUST_VARIABLES, "PAYMENTS_CA_FILE"} & told(SSL_CERT_DIR="/x").keys()


READ = """
import os, ssl
variables = ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"]
for name in variables:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(os.environ[name])
    subjects = [dict(each[0] for each in found["subject"]) for found in context.get_ca_certs()]
    names = [each.get("organizationName") for each in subjects]
    print(len(names), "payments-sandbox" in names)
"""


def test_run_keeps_certificates_that_trust_variables_already_named(tmp_path: Path) -> None:
    """They are added to the bundle; variables that name no readable file are ignored."""
    trusted = tmp_path / "company.pem"
    trusted.write_bytes(SELF_SIGNED.read_bytes().partition(b"-----BEGIN PRIVATE")[0])
    extra = {
        "SSL_CERT_FILE": str(trusted),
        "NODE_EXTRA_CA_CERTS": str(trusted),
        "CURL_CA_BUNDLE": str(tmp_path),
    }
    ended = run("run", "--tls", "auto", "--", *python(READ), extra=extra)
    assert ended.stdout.splitlines() == ["2 True", "2 True"]

    own = run("run", "--tls", "auto", "--", *python(READ)).stdout.splitlines()
    system = ssl.get_default_verify_paths()
    has_any = bool(system.cafile or os.listdir(system.capath))  # noqa: PTH208 - a plain path
    count, is_ours = own[0].split()
    assert (int(count) > 1, is_ours) == (has_any, "True")


def test_a_missing_trustme_package_exits_2_with_the_install_command() -> None:
    ended = run("serve", "--tls", "auto", first="import sys; sys.modules['trustme'] = None")

    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (
        2,
        (
            "payments-sandbox serve: error: argument --tls: auto requires the package trustme:"
            " pip install 'payments-sandbox[tls]'"
        ),
    )


@pytest.mark.parametrize("options", [(), ("--tls", f"{SELF_SIGNED},{SELF_SIGNED}")])
def test_a_tls_fault_without_tls_auto_exits_2(options: tuple[str, ...]) -> None:
    """Only the sandbox's own authority can issue certificates with exactly one fault."""
    ended = run("serve", *options, "--tls-fault", "expired", is_process=False)

    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (
        2,
        (
            "payments-sandbox serve: error: argument --tls-fault: requires --tls auto,"
            " whose authority issues the certificate"
        ),
    )


def test_an_unwritable_ca_file_exits_1_with_its_path(tmp_path: Path) -> None:
    """The error is one line, as for any other file."""
    (tmp_path / "ready.ca.pem").mkdir()
    ended = run(
        "serve", "--port", "0", "--tls", "auto", "--ready-file", str(tmp_path / "ready.json")
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"payments-sandbox: cannot write {tmp_path / 'ready.ca.pem'}: ")


def test_a_full_disk_without_room_for_certificates_is_reported_in_one_line() -> None:
    """Also a container whose file system is read-only."""
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))"
    ended = run("serve", "--port", "0", "--tls", "auto", first=full)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(
        "payments-sandbox: cannot listen on the port of --tls: No usable "
    )
    assert len(ended.stderr.splitlines()) == 1


def test_commands_trust_ssl_cert_file_and_explain_an_untrusted_certificate() -> None:
    """The error for an untrusted certificate says which file to name in `SSL_CERT_FILE`."""
    with serve_process("--tls", "auto") as server:
        url = server.facts["sandbox_url"]
        trust = {"SSL_CERT_FILE": server.facts["ca_file"]}
        asked = [
            run(*command, "--url", url, extra=extra, is_process=True)
            for command, extra in (
                (("healthcheck",), trust),
                (("healthcheck",), {}),
                (("clock", "show"), trust),
                (("clock", "show"), {}),
                (("logs", "-f"), {}),
            )
        ]
    address, doubt = url.removesuffix("/_sandbox"), "unable to get local issuer certificate"
    untrusted = (
        f"the certificate of {address} is not trusted: {doubt}; set SSL_CERT_FILE to the"
        " file of its CA: for serve --tls auto, the ca_file of its ready line.\n"
    )

    assert [
        (each.returncode, each.stderr.removeprefix("payments-sandbox: ")) for each in asked
    ] == [
        (0, ""),
        (1, untrusted),
        (0, ""),
        (1, untrusted),
        (1, untrusted),
    ]


async def test_the_async_client_reports_an_untrusted_certificate_as_not_trusted() -> None:
    with serve_process("--tls", "auto") as server:
        async with AsyncSandboxClient(server.facts["sandbox_url"]) as client:
            with pytest.raises(Unreachable) as caught:
                await client.live()

    assert caught.value.cause is UnreachableCause.NOT_TRUSTED
    assert caught.value.reason == "unable to get local issuer certificate"
