"""`serve --tls` and `--unix`, and what `run` tells its command of them."""

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
    """This machine may have variables of its own that say whom clients trust."""
    for name in TRUST_VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_the_ready_file_names_whom_to_trust_and_the_certificate_is_beside_it(
    tmp_path: Path,
) -> None:
    """Both are gone when the server is, and so is the bundle."""
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


def test_without_a_ready_file_the_certificate_is_a_file_for_a_while() -> None:
    """On a terminal, or elsewhere: the ready line names it."""
    with serve_process("--tls", "auto", "--ready-file", os.devnull) as server:
        own = Path(server.facts["ca_file"])
        assert own.name == "ca.pem"
        assert own.read_bytes().startswith(b"-----BEGIN CERTIFICATE-----")
        server.stop()
    assert not own.parent.exists()


def test_a_certificate_of_ones_own_needs_no_file_of_ours() -> None:
    """Its users know whom they trust; without TLS there is nothing to say either."""
    for options in (("--tls", f"{SELF_SIGNED},{SELF_SIGNED}"), ()):
        with serve_process(*options) as server:
            assert {"ca_file", "ca_bundle", "tls_faults"}.isdisjoint(server.facts)
            assert server.facts["base_url"].startswith("https:" if options else "http:")


def test_a_socket_is_named_in_full_and_gone_in_the_end(tmp_path: Path) -> None:
    """A path that was given shorter is the same."""
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
    """Our command, wherever it is run."""
    program = "import sys; from payments_sandbox.cli import main; sys.exit(main())"
    return (sys.executable, "-c", program)


def test_a_terminal_is_told_all_of_it_in_prose(tmp_path: Path) -> None:
    """A line for each."""
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
    """The environment that `run` gives to a command."""
    ended = run("run", *options, "--", *python(PRINT), extra=extra)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_a_command_is_told_whom_to_trust() -> None:
    """By the variables that its libraries look for, and by one of our own."""
    variables = told(*TLS)
    bundle = variables["SSL_CERT_FILE"]

    assert variables["PAYMENTS_BASE_URL"].startswith("https://127.0.0.1:")
    assert [variables[each] for each in TRUST_VARIABLES[:-1]] == [bundle] * 3
    assert variables["NODE_EXTRA_CA_CERTS"] == variables["PAYMENTS_CA_FILE"]
    assert variables["PAYMENTS_TLS_EXPIRED_URL"].startswith("https://127.0.0.1:")
    assert variables["PAYMENTS_TLS_WRONG_HOST_URL"].endswith("/v3")


def test_without_tls_a_command_trusts_whom_it_trusted() -> None:
    """Nothing is said of it."""
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


def test_what_a_command_trusted_before_it_still_trusts(tmp_path: Path) -> None:
    """What the variables named is in the bundle; those that name nothing to read are left out."""
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
    has_any = bool(system.cafile or os.listdir(system.capath))  # noqa: PTH208 - as it is given
    count, is_ours = own[0].split()
    assert (int(count) > 1, is_ours) == (has_any, "True")


def test_a_missing_extra_ends_the_start_in_words() -> None:
    """Before anything listens."""
    ended = run("serve", "--tls", "auto", first="import sys; sys.modules['trustme'] = None")

    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (
        2,
        (
            "payments-sandbox serve: error: argument --tls: auto needs the package trustme:"
            " pip install 'payments-sandbox[tls]'"
        ),
    )


@pytest.mark.parametrize("options", [(), ("--tls", f"{SELF_SIGNED},{SELF_SIGNED}")])
def test_a_fault_needs_an_authority(options: tuple[str, ...]) -> None:
    """No other could make a certificate that is wrong in one way alone."""
    ended = run("serve", *options, "--tls-fault", "expired", is_process=False)

    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (
        2,
        (
            "payments-sandbox serve: error: argument --tls-fault: expected --tls auto beside it,"
            " whose authority makes the certificate"
        ),
    )


def test_a_ready_file_in_a_folder_that_takes_no_certificate_is_told(tmp_path: Path) -> None:
    """It is one line, as for any other file."""
    (tmp_path / "ready.ca.pem").mkdir()
    ended = run(
        "serve", "--port", "0", "--tls", "auto", "--ready-file", str(tmp_path / "ready.json")
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"payments-sandbox: cannot write {tmp_path / 'ready.ca.pem'}: ")


def test_commands_of_ours_trust_what_openssl_is_told_to() -> None:
    """A `--url` of TLS is asked like any other; who doubts it is told what would have worked."""
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
        f"the certificate of {address} is not trusted: {doubt}; SSL_CERT_FILE names the file that"
        " it is checked by: for serve --tls auto, the ca_file of its ready line.\n"
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


async def test_an_async_client_tells_a_certificate_that_it_does_not_trust() -> None:
    with serve_process("--tls", "auto") as server:
        async with AsyncSandboxClient(server.facts["sandbox_url"]) as client:
            with pytest.raises(Unreachable) as caught:
                await client.live()

    assert caught.value.cause is UnreachableCause.NOT_TRUSTED
    assert caught.value.reason == "unable to get local issuer certificate"
