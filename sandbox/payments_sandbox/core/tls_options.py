"""Owns the TLS options of a server, and the environment variables that TLS clients read."""

from pathlib import Path
from typing import Final, NamedTuple

from payments_sandbox.core.option_values import LAST_PORT, whole_number

AUTO: Final = "auto"
"""The value of `--tls` for which the sandbox makes its own certificate authority."""

TLS_FAULTS: Final = ("expired", "wrong-host")
"""The faults that a certificate can have; each has its own port."""

TRUST_VARIABLES: Final = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
)
"""Environment variables that name a file of trusted authorities.

The first one is OpenSSL's, which most languages use. Node's adds to the built-in authorities.
"""


class TlsChoice(NamedTuple):
    """The certificate that a server presents to TLS clients.

    Attributes:
        certificate: a PEM file with the chain; None if the sandbox makes a certificate.
        key: the file of its key.
    """

    certificate: Path | None = None
    key: Path | None = None

    def __str__(self) -> str:
        return AUTO if self.certificate is None else f"{self.certificate},{self.key}"


class TlsFault(NamedTuple):
    """A port with a certificate that no client should accept.

    Attributes:
        name: one of `TLS_FAULTS`.
        port: the number of the port; 0 picks a free one.
    """

    name: str
    port: int = 0

    def __str__(self) -> str:
        return f"{self.name}={self.port}" if self.port else self.name


def certificate(text: str) -> TlsChoice:
    """Read `auto`, or two files, which are loaded to check that the key fits the certificate.

    Raises:
        ValueError: as in all readers of option values.
    """
    if text == AUTO:
        return TlsChoice()
    import ssl  # noqa: PLC0415 - it takes long to import, and few name one

    first, _, second = text.partition(",")
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # Without a password, OpenSSL would ask for that of an encrypted key on the terminal.
        context.load_cert_chain(first, second, password="")
    except (OSError, ValueError):
        raise ValueError(
            "expected auto, or CERT,KEY: PEM files of a certificate and its key without a password"
        ) from None
    return TlsChoice(Path(first), Path(second))


def tls_fault(text: str) -> TlsFault:
    """Read the name of a fault with an optional port: `expired`, `expired=8444`.

    Raises:
        ValueError: as in all readers of option values.
    """
    name, mark, port = text.partition("=")
    if name not in TLS_FAULTS:
        raise ValueError(f"expected {' or '.join(TLS_FAULTS)}, with an optional port: expired=8444")
    return TlsFault(name, whole_number(0, LAST_PORT)(port) if mark else 0)
