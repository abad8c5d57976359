"""Owns what is told about TLS: to a server by its options, to clients by variables."""

from pathlib import Path
from typing import Final, NamedTuple

from payments_sandbox.core.option_values import LAST_PORT, whole_number

AUTO: Final = "auto"
"""The value of `--tls` that makes an authority of the sandbox's own."""

TLS_FAULTS: Final = ("expired", "wrong-host")
"""The faults that the certificate of a port of its own can have."""

TRUST_VARIABLES: Final = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
)
"""Where TLS clients look for whom to trust.

The first is that of OpenSSL, and so of most languages; Node's adds to its own.
"""


class TlsChoice(NamedTuple):
    """What a server shows to TLS clients.

    Attributes:
        certificate: a file of PEM, with the chain above it; None where an authority is made.
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
        port: where it listens; 0 picks a free one.
    """

    name: str
    port: int = 0

    def __str__(self) -> str:
        return f"{self.name}={self.port}" if self.port else self.name


def certificate(text: str) -> TlsChoice:
    """Read `auto`, or two files; they are opened to see that one is the key of the other.

    Raises:
        ValueError: as the readers of all options.
    """
    if text == AUTO:
        return TlsChoice()
    import ssl  # noqa: PLC0415 - it takes long to import, and few name one

    first, _, second = text.partition(",")
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # Without a password openssl would ask the terminal for that of an encrypted key.
        context.load_cert_chain(first, second, password="")
    except (OSError, ValueError):
        raise ValueError(
            "expected auto, or CERT,KEY: a certificate and its key, which has no password, in PEM"
        ) from None
    return TlsChoice(Path(first), Path(second))


def tls_fault(text: str) -> TlsFault:
    """Read the name of a fault, and perhaps its port: `expired`, `expired=8444`.

    Raises:
        ValueError: as the readers of all options.
    """
    name, mark, port = text.partition("=")
    if name not in TLS_FAULTS:
        raise ValueError(
            f"expected {' or '.join(TLS_FAULTS)}, and a port if you like: expired=8444"
        )
    return TlsFault(name, whole_number(0, LAST_PORT)(port) if mark else 0)
