"""Owns a TLS client that reports how a connection ends, and its trust settings."""

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Literal
from urllib.parse import urlsplit

from payments_sandbox.server.fault_player import LINGER_ZERO
from tests.support.values import LONGEST_WAIT

End = Literal["close_notify", "FIN", "RST"]
"""How a connection ends; a FIN after a close_notify does not count."""

_READ: Final = 65_536


class TlsWire:
    """One connection with TLS.

    TLS is done separately from the socket: an `SSLSocket` reports an RST, and a FIN without a
    close_notify, as a normal end.
    """

    def __init__(self, connection: socket.socket, context: ssl.SSLContext, name: str) -> None:
        self._connection = connection
        self._came, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = context.wrap_bio(self._came, self._to_send, server_hostname=name)
        self._until_done(self._session.do_handshake)

    def send(self, raw: bytes) -> None:
        """Send bytes as they are."""
        self._until_done(lambda: self._session.write(raw))

    def head(self) -> bytes:
        """Return the bytes up to the end of the next head, and perhaps more."""
        came = b""
        while b"\r\n\r\n" not in came:
            came += self._read()
        return came

    def rest(self) -> tuple[bytes, End]:
        """Return all bytes until the server ends the connection, and how it does."""
        came = b""
        try:
            while part := self._read():
                came += part
        except ConnectionResetError:
            return came, "RST"
        except EOFError:
            return came, "FIN"
        return came, "close_notify"

    def finish(self) -> None:
        """Send a close_notify."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self._session.unwrap()
        self._connection.sendall(self._to_send.read())

    def break_off(self) -> None:
        """Close the connection with an RST."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
        self._connection.close()

    def _read(self) -> bytes:
        came = b""

        def read() -> None:
            nonlocal came
            came = self._session.read(_READ)

        with contextlib.suppress(ssl.SSLZeroReturnError):
            self._until_done(read)
        return came

    def _until_done(self, work: Callable[[], object]) -> None:
        """Do a part of TLS, and exchange its bytes with the socket.

        Raises:
            EOFError: the other side has closed.
        """
        while True:
            try:
                work()
            except ssl.SSLWantReadError:
                self._connection.sendall(self._to_send.read())
                if not (came := self._connection.recv(_READ)):
                    raise EOFError("a FIN without a close_notify") from None
                self._came.write(came)
            except ssl.SSLCertVerificationError:
                self._connection.sendall(self._to_send.read())  # so that the other side learns why
                while self._connection.recv(_READ):
                    pass
                raise
            else:
                self._connection.sendall(self._to_send.read())
                return


@contextmanager
def tls_connected(
    address: str, context: ssl.SSLContext, *, name: str = "localhost"
) -> Iterator[TlsWire]:
    """Connect by TLS to an address such as `https://127.0.0.1:8080`.

    Raises:
        SSLError: either side rejects the other.
    """
    target = urlsplit(address)
    with socket.create_connection(
        (target.hostname, target.port), timeout=LONGEST_WAIT
    ) as connection:
        yield TlsWire(connection, context, name)


def trusting(authority: bytes) -> ssl.SSLContext:
    """Return the SSL context of a careful client that trusts an authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority.decode())
    return context


def careless() -> ssl.SSLContext:
    """Return the SSL context of a client that verifies no certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
