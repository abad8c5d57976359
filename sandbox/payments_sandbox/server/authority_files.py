"""Owns the files that clients trust a server's own authority by, for as long as it runs.

Most clients take one file in the place of all that the machine trusts, so there is a bundle of
both: what they could reach over TLS before, they still can.
"""

import os
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from payments_sandbox.core.output_files import remove_file, replaced
from payments_sandbox.core.trust import TRUST_VARIABLES


class AuthorityFiles(NamedTuple):
    """Files of PEM.

    Attributes:
        authority: the certificate of the authority alone.
        bundle: that, and what clients on this machine trust without it.
    """

    authority: Path
    bundle: Path


@contextmanager
def authority_files(
    authority: bytes, beside: Path | None = None, environment: Mapping[str, str] = os.environ
) -> Iterator[AuthorityFiles]:
    """Write both files, in a folder that is gone with the block.

    Args:
        authority: the certificate, in PEM.
        beside: a file, whose folder gets the authority's: `ready.ca.pem` beside `ready.json`.
        environment: whose variables name what clients trust.

    Raises:
        OSError: the system refuses.
    """
    with tempfile.TemporaryDirectory(prefix="payments-sandbox-") as name:
        folder = Path(name)
        bundle = folder / "ca-bundle.pem"
        bundle.write_bytes(b"\n".join([*_trusted(environment), authority]))
        own = folder / "ca.pem" if beside is None else beside.absolute().with_suffix(".ca.pem")
        with replaced(own) as written:
            written.write(authority)
        try:
            yield AuthorityFiles(own, bundle)
        finally:
            with suppress(OSError):  # whoever has taken it away meanwhile
                remove_file(own)


def _trusted(environment: Mapping[str, str]) -> Iterator[bytes]:
    """The certificates that are trusted now: those that variables name, else the default ones."""
    named = dict.fromkeys(environment[each] for each in TRUST_VARIABLES if environment.get(each))
    for file in map(Path, named):
        with suppress(OSError):  # it is a folder, or not there: whoever has named it has none
            yield file.read_bytes()
    if not environment.get("SSL_CERT_FILE"):
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
