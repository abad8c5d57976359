"""Tests the TLS options: how they are written and read, and what is rejected."""

import subprocess
from pathlib import Path

import pytest

from payments_sandbox.core.option_values import LONGEST_SOCKET_PATH, socket_path
from payments_sandbox.core.settings import Settings, settings_from
from payments_sandbox.core.tls_options import TlsChoice, TlsFault, certificate, tls_fault
from tests.support.receiver import SELF_SIGNED
from tests.support.tables import for_each

OF_OPTIONS = (
    "expected auto, or CERT,KEY: PEM files of a certificate and its key without a password",
)


@pytest.mark.parametrize("text", ["auto", f"{SELF_SIGNED},{SELF_SIGNED}"])
def test_a_tls_option_is_shown_as_it_was_written(text: str) -> None:
    """One file may hold both the certificate and its key."""
    assert str(certificate(text)) == text


@pytest.mark.parametrize("text", ["expired", "wrong-host", "expired=8444"])
def test_a_tls_fault_is_shown_as_it_was_written(text: str) -> None:
    """With its port if it has one."""
    assert str(tls_fault(text)) == text


@for_each("text", ["", "Auto", "cert.pem", ",", f"{SELF_SIGNED}", "a,b,c"])
def test_a_tls_option_without_a_certificate_and_its_key_is_rejected(text: str) -> None:
    if text == str(SELF_SIGNED):
        text += f",{__file__}"
    with pytest.raises(ValueError, match=OF_OPTIONS[0]):
        certificate(text)


def test_a_key_with_a_password_is_rejected_without_a_prompt(tmp_path: Path) -> None:
    """A server has no terminal."""
    key = tmp_path / "key.pem"
    encrypt = f"openssl pkey -in {SELF_SIGNED} -aes256 -passout pass:x -out {key}"
    subprocess.run(encrypt.split(), check=True, stdin=subprocess.DEVNULL)

    with pytest.raises(ValueError, match=OF_OPTIONS[0]):
        certificate(f"{SELF_SIGNED},{key}")


@for_each("text", ["", "expird", "expired=", "expired=x", "expired=65536", "=1"])
def test_an_unknown_tls_fault_or_port_is_rejected_with_what_is_expected(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        tls_fault(text)


def test_settings_from_reads_tls_options_as_the_command_line_does() -> None:
    """They are off by default."""
    told = settings_from({"tls": "auto", "tls_faults": ["expired", "wrong-host=1"], "unix": "s"})

    assert told.tls == TlsChoice()
    assert told.tls_faults == (TlsFault("expired"), TlsFault("wrong-host", 1))
    assert told.unix == Path("s")
    assert (Settings().tls, Settings().tls_faults, Settings().unix) == (None, (), None)


def test_a_socket_path_longer_than_the_system_allows_is_rejected(tmp_path: Path) -> None:
    """Measured in bytes."""
    longest = "x" * LONGEST_SOCKET_PATH

    assert socket_path(longest) == Path(longest)
    for text in (f"{longest}x", "é" * (LONGEST_SOCKET_PATH // 2 + 1)):
        with pytest.raises(
            ValueError, match=f"^expected a socket path of at most {LONGEST_SOCKET_PATH} bytes"
        ):
            socket_path(text)
    with pytest.raises(ValueError, match=r"^expected a file in an existing folder$"):
        socket_path(str(tmp_path))
