"""Owns TLS as tests see it: a client that tells how a connection ends, and whom it trusts."""

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
"""How a connection ends; a FIN behind a close_notify is no news."""

_READ: Final = 65_536


class TlsWire:
    """One connection that has begun TLS.

    The TLS is done beside the socket: a `SSLSocket` tells an RST, and a FIN without a close_notify,
    both as the end that they are not.
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
        """What comes up to the end of the next head, and perhaps more."""
        came = b""
        while b"\r\n\r\n" not in came:
            came += self._read()
        return came

    def rest(self) -> tuple[bytes, End]:
        """All that comes until the server ends the connection, and how it does."""
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
        """Say that nothing more comes from here."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self._session.unwrap()
        self._connection.sendall(self._to_send.read())

    def break_off(self) -> None:
        """Leave with an RST."""
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
        """Do a part of TLS, and carry what it sends and waits for.

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
                self._connection.sendall(self._to_send.read())  # the other side is told why
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
    """A connection under TLS to an address such as `https://127.0.0.1:8080`.

    Raises:
        SSLError: either side does not want the other.
    """
    target = urlsplit(address)
    with socket.create_connection(
        (target.hostname, target.port), timeout=LONGEST_WAIT
    ) as connection:
        yield TlsWire(connection, context, name)


def trusting(authority: bytes) -> ssl.SSLContext:
    """What a careful client trusts an authority by."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority.decode())
    return context


def careless() -> ssl.SSLContext:
    """What a client has that looks at no certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
