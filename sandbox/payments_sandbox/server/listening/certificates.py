"""Owns the certificates that a server shows, and the files that clients trust its authority by.

`--tls auto` makes an authority with each start. Its certificate is good for the names that lead to
this machine, so that who trusts the authority has nothing to turn off. Those of `--tls-fault` are
of the same authority, and each has one thing wrong with it.

Most clients take one file in the place of all that the machine trusts, so there is a bundle of
both: what they could reach over TLS before, they still can.
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


class TlsSession(ssl.SSLObject):
    """The TLS of one connection; both event loops ask it to end before they close the socket.

    Attributes:
        is_cut: whether the end is a bare FIN. Faults end so: a close_notify would be one byte more
            than they send, and would tell the client that nothing is missing.
    """

    is_cut = False

    def unwrap(self) -> None:
        """Send close_notify, unless the connection is cut off, and wait for no answer to it.

        Nobody has to wait for the other side's (RFC 8446, 6.1). asyncio would do so for 30 s, and a
        server that stops has one.
        """
        if not self.is_cut:
            with suppress(ssl.SSLWantReadError):  # the other side's is not there yet
                super().unwrap()


# Trust


class AuthorityFiles(NamedTuple):
    """Files of PEM.

    Attributes:
        authority: the certificate of the authority alone.
        bundle: that, and what clients on this machine trust without it.
    """

    authority: Path
    bundle: Path


@contextmanager
def authority_files(authority: bytes, beside: Path | None = None) -> Iterator[AuthorityFiles]:
    """Write both files, in a folder that is gone with the block.

    Args:
        authority: the certificate, in PEM.
        beside: a file, whose folder gets the authority's: `ready.ca.pem` beside `ready.json`.

    Raises:
        OSError: the system refuses.
    """
    with tempfile.TemporaryDirectory(prefix="payments-sandbox-") as name:
        folder = Path(name)
        bundle = folder / "ca-bundle.pem"
        bundle.write_bytes(b"\n".join([*_trusted(), authority]))
        own = folder / "ca.pem" if beside is None else beside.absolute().with_suffix(".ca.pem")
        with replaced(own) as written:
            written.write(authority)
        try:
            yield AuthorityFiles(own, bundle)
        finally:
            with suppress(OSError):  # whoever has taken it away meanwhile
                remove_file(own)


def _trusted() -> Iterator[bytes]:
    """The certificates that are trusted now: those that variables name, else the default ones."""
    named = dict.fromkeys(filter(None, map(os.environ.get, TRUST_VARIABLES)))
    for file in map(Path, named):
        with suppress(OSError):  # it is a folder, or not there: whoever has named it has none
            yield file.read_bytes()
    if not os.environ.get("SSL_CERT_FILE"):
        yield from _of_the_system()


def _of_the_system() -> Iterator[bytes]:
    """What OpenSSL trusts by default: a file, or a folder of them, each under its hash."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        yield Path(paths.cafile).read_bytes()
    elif paths.capath:
        for each in sorted(Path(paths.capath).glob("????????.[0-9]")):
            with suppress(OSError):  # a link that leads nowhere
                yield each.read_bytes()
