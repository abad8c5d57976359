"""Owns the certificates that a server presents, and the files that make clients trust them.

`--tls auto` makes a certificate authority with each start. The server's certificate is valid for
all names of this machine, so a client that trusts the authority can verify it in full. The
certificates of `--tls-fault` come from the same authority, and each has one thing wrong with it.

Most clients let one file replace everything that the machine trusts. So there is also a bundle of
the machine's authorities and this one: with it, clients still reach other servers over TLS.
"""

import os
import re
import ssl
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from payments_sandbox.core.output_files import remove_file, replaced
from payments_sandbox.core.settings import Settings
from payments_sandbox.core.tls_options import TRUST_VARIABLES, TlsChoice, TlsFault
from payments_sandbox.server.origin_guard import DOCUMENTED_HOST

if TYPE_CHECKING:
    from trustme import CA, LeafCert

MISSING: Final = "auto requires the package trustme: pip install 'payments-sandbox[tls]'"

_LOCAL: Final = ("localhost", "127.0.0.1", "::1", "host.docker.internal", DOCUMENTED_HOST)
_WILDCARDS: Final = ("0.0.0.0", "::")  # noqa: S104 - only compared with
_NAME: Final = re.compile(r"(\*\.)?[A-Za-z0-9.-]+|[0-9A-Fa-f:.]+", re.ASCII)
"""Names that a certificate can be for: not those with an underscore, which Docker may use."""

_BEFORE: Final = datetime(2020, 1, 1, tzinfo=UTC)
_EXPIRED: Final = datetime(2021, 1, 1, tzinfo=UTC)
_ELSEWHERE: Final = "another-host.invalid"


class Certificates(NamedTuple):
    """What a server presents to TLS clients.

    Attributes:
        good: the TLS context of its port.
        faults: the TLS contexts of the ports of faults.
        authority: the certificate of its own authority, in PEM; None if the user has given one.
    """

    good: ssl.SSLContext
    faults: Mapping[TlsFault, ssl.SSLContext]
    authority: bytes | None


def make_certificates(tls: TlsChoice, settings: Settings) -> Certificates:
    """Make or read the certificates that the settings name.

    Raises:
        OSError: a file can no longer be read, or no temporary file can be written.
        RuntimeError: certificates must be made, and the extra for that is not installed.
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
    """Yield the names that the certificate is for: this machine's, and those of --allow-host."""
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
"""Makes the certificate of each of `TLS_FAULTS`, by the fault's name."""


def _showing(certificate: "LeafCert") -> ssl.SSLContext:
    context = _context()
    try:
        certificate.configure_cert(context)
    except OSError as error:  # `ssl` reads keys from files only, so this one is written for it
        raise OSError(error.errno, error.strerror, "the port of --tls") from None
    return context


def _context() -> ssl.SSLContext:
    """Make a context with TLS 1.2 or later, HTTP/1.1, and our own way to end a connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.sslobject_class = TlsSession
    return context


class TlsSession(ssl.SSLObject):
    """The TLS of one connection; both event loops call `unwrap` before they close the socket.

    Attributes:
        is_cut: whether the connection ends in a bare FIN, without a close_notify. Faults need
            that: a close_notify would tell the client that it has received everything.
    """

    is_cut = False

    def unwrap(self) -> None:
        """Send close_notify, unless the connection is cut, and do not wait for the other side's.

        RFC 8446, 6.1, does not require to wait. asyncio would wait for up to 30 s, while a server
        that stops has one second.
        """
        if not self.is_cut:
            with suppress(ssl.SSLWantReadError):  # the other side's has not arrived yet
                super().unwrap()


# Trust


class AuthorityFiles(NamedTuple):
    """PEM files for clients to trust.

    Attributes:
        authority: the certificate of the authority alone.
        bundle: the same, and everything that clients on this machine trust already.
    """

    authority: Path
    bundle: Path


@contextmanager
def authority_files(authority: bytes, beside: Path | None = None) -> Iterator[AuthorityFiles]:
    """Write both files, and remove them when the block ends.

    Args:
        authority: the certificate, in PEM.
        beside: a file next to which the authority's is written, such as `ready.ca.pem` next to
            `ready.json`; by default, both are in a temporary folder.

    Raises:
        OSError: a file cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="payments-sandbox-") as name:
        folder = Path(name)
        bundle = folder / "ca-bundle.pem"
        with replaced(bundle) as written:
            written.write(b"\n".join([*_trusted(), authority]))
        own = folder / "ca.pem" if beside is None else beside.absolute().with_suffix(".ca.pem")
        with replaced(own) as written:
            written.write(authority)
        try:
            yield AuthorityFiles(own, bundle)
        finally:
            with suppress(OSError):  # it may have been removed meanwhile
                remove_file(own)


def _trusted() -> Iterator[bytes]:
    """Yield the certificates that are trusted now, as environment variables and OpenSSL say."""
    named = dict.fromkeys(filter(None, map(os.environ.get, TRUST_VARIABLES)))
    for file in map(Path, named):
        with suppress(OSError):  # a folder, or a missing file, adds no certificates
            yield file.read_bytes()
    if not os.environ.get("SSL_CERT_FILE"):
        yield from _system_trust()


def _system_trust() -> Iterator[bytes]:
    """Yield what OpenSSL trusts by default: a file, or a folder of files named by their hash."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        yield Path(paths.cafile).read_bytes()
    elif paths.capath:
        for each in sorted(Path(paths.capath).glob("????????.[0-9]")):
            with suppress(OSError):  # a dangling link
                yield each.read_bytes()
