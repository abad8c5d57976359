"""Owns how a TLS connection ends: announced, as servers end one, or cut off, as one that dies."""

import ssl
from contextlib import suppress


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
