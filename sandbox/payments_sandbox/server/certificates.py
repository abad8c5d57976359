"""Owns the certificates that a server shows: given ones, or those of an authority of its own.

`--tls auto` makes an authority with each start. Its certificate is good for the names that lead to
this machine, so that who trusts the authority has nothing to turn off. Those of `--tls-fault` are
of the same authority, and each has one thing wrong with it.
"""

import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from payments_sandbox.core.settings import Settings
from payments_sandbox.core.tls_options import TlsChoice, TlsFault
from payments_sandbox.server.origin_guard import DOCUMENTED_HOST
from payments_sandbox.server.tls_session import TlsSession

if TYPE_CHECKING:
    from trustme import CA, LeafCert

MISSING: Final = "it needs the package trustme: pip install 'payments-sandbox[tls]'"

_LOCAL: Final = ("localhost", "127.0.0.1", "::1", "host.docker.internal", DOCUMENTED_HOST)
_WILDCARDS: Final = ("0.0.0.0", "::")  # noqa: S104 - no name of anything
_NAME: Final = re.compile(r"(\*\.)?[A-Za-z0-9.-]+|[0-9A-Fa-f:.]+", re.ASCII)
"""Names that a certificate can be for: none with an underscore, such as Docker's."""

_BEFORE: Final = datetime(2020, 1, 1, tzinfo=UTC)
_EXPIRED: Final = datetime(2021, 1, 1, tzinfo=UTC)
_ELSEWHERE: Final = "another-host.invalid"


class Certificates(NamedTuple):
    """What a server shows to TLS clients.

    Attributes:
        good: what its port shows.
        faults: what the ports of faults show.
        authority: the certificate of its own authority, in PEM; None where it has none.
    """

    good: ssl.SSLContext
    faults: Mapping[TlsFault, ssl.SSLContext]
    authority: bytes | None


def make_certificates(tls: TlsChoice, settings: Settings) -> Certificates:
    """Make, or read, the certificates that a server was told to show.

    Raises:
        OSError: a file cannot be read any more.
        RuntimeError: the extra that makes them is not installed.
    """
    if tls.certificate is not None:
        context = _context()
        context.load_cert_chain(tls.certificate, tls.key)
        return Certificates(context, {}, None)
    try:
        from trustme import CA  # noqa: PLC0415 - the extra [tls]
    except ModuleNotFoundError:
        raise RuntimeError(f"tls: {MISSING}") from None
    authority = CA(organization_name="payments-sandbox")
    good = authority.issue_cert(*_names(settings))
    faults = {
        each: _showing(_FAULTS[each.name](authority, settings)) for each in settings.tls_faults
    }
    return Certificates(_showing(good), faults, authority.cert_pem.bytes())


def _names(settings: Settings) -> Iterator[str]:
    """The names that the certificate is for: this machine's, and those of --allow-host."""
    host = () if settings.host in _WILDCARDS else (settings.host,)
    names = dict.fromkeys((*_LOCAL, *host, *sorted(settings.allow_hosts)))
    return (name for name in names if _NAME.fullmatch(name))


def _expired(authority: "CA", settings: Settings) -> "LeafCert":
    return authority.issue_cert(*_names(settings), not_before=_BEFORE, not_after=_EXPIRED)


def _for_wrong_host(authority: "CA", _: Settings) -> "LeafCert":
    return authority.issue_cert(_ELSEWHERE)


_FAULTS: Final[Mapping[str, Callable[["CA", Settings], "LeafCert"]]] = {
    "expired": _expired,
    "wrong-host": _for_wrong_host,
}
"""What makes the certificate of each of `TLS_FAULTS`."""


def _showing(certificate: "LeafCert") -> ssl.SSLContext:
    context = _context()
    certificate.configure_cert(context)
    return context


def _context() -> ssl.SSLContext:
    """What all of them have in common: TLS 1.2 or later, HTTP/1.1, and how a connection ends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.sslobject_class = TlsSession
    return context
