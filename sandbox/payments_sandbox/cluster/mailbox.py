"""Owns how processes of one machine send each other datagrams, with descriptors if need be.

A mailbox is a pair of sockets that the parent of all makes before it starts any: everybody writes
to one of the two, and its owner reads from the other. Both outlive the owner. So what was sent to a
worker that died is read by the one that is started in its place, and nobody connects anew.
"""

import asyncio
import errno
import os
import socket
import tempfile
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

LARGEST: Final = 32 * 1024
"""Bytes of a datagram; what is longer goes in a file, or what the system finds too long."""

_INLINE: Final = b"."
_IN_FILE: Final = b"+"
_MOST_DESCRIPTORS: Final = 2
_IS_CUT: Final = int(socket.MSG_CTRUNC)
"""Not as a flag of an enum: that takes as long as all else of a look into a mailbox."""

_NO_ROOM: Final = frozenset({errno.EAGAIN, errno.ENOBUFS})


class Message(NamedTuple):
    """What was sent.

    Attributes:
        text: the bytes.
        descriptors: what is the receiver's now, to use and to close.
        is_whole: whether all descriptors have come; a process that has too many open gets none.
    """

    text: bytes
    descriptors: tuple[int, ...] = ()
    is_whole: bool = True


class Mailbox(NamedTuple):
    """The two ends of a mailbox.

    Attributes:
        reader: where its owner reads.
        writer: where everybody writes.
    """

    reader: socket.socket
    writer: socket.socket


def open_mailbox() -> Mailbox:
    """Make a mailbox; who forks afterwards shares it."""
    reader, writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    for end in (reader, writer):
        end.setblocking(False)  # noqa: FBT003 - the module's own way
    return Mailbox(reader, writer)


def receive_message(reader: socket.socket) -> Message | None:
    """The next message of a mailbox, or None where there is none.

    Raises:
        OSError: the file that the text came in cannot be read.
    """
    try:
        raw, descriptors, flags, _ = socket.recv_fds(reader, LARGEST + 1, _MOST_DESCRIPTORS)
    except BlockingIOError:
        return None
    if flags & _IS_CUT:
        for each in descriptors:
            os.close(each)
        return Message(raw[1:], is_whole=False)
    if raw[:1] == _INLINE:
        return Message(raw[1:], tuple(descriptors))
    *others, file = descriptors
    with os.fdopen(file, "rb") as opened:
        opened.seek(0)
        return Message(opened.read(), tuple(others))


class Outgoing:
    """Sends messages to one mailbox; what finds no room there waits, in its order."""

    def __init__(self, writer: socket.socket) -> None:
        self._writer = writer
        self._waiting: deque[tuple[bytes, list[int]]] = deque()
        self._flushed: asyncio.Future[None] | None = None

    def send(self, text: bytes, descriptors: Sequence[int] = ()) -> None:
        """Send a message.

        Args:
            text: of any length.
            descriptors: one at most; it stays the sender's, to be closed at once if need be.

        Raises:
            OSError: the system refuses.
        """
        if not self._waiting and _is_sent(self._writer, text, descriptors):
            return
        if not self._waiting:
            asyncio.get_running_loop().add_writer(self._writer, self._send_waiting)
        self._waiting.append((text, [os.dup(each) for each in descriptors]))

    async def flush(self) -> None:
        """Wait until nothing waits."""
        if self._waiting:
            self._flushed = asyncio.get_running_loop().create_future()
            await self._flushed

    def _send_waiting(self) -> None:
        while self._waiting:
            text, descriptors = self._waiting[0]
            if not _is_sent(self._writer, text, descriptors):
                return
            self._waiting.popleft()
            for each in descriptors:
                os.close(each)
        asyncio.get_running_loop().remove_writer(self._writer)
        if self._flushed is not None:
            self._flushed.set_result(None)
            self._flushed = None


def _is_sent(writer: socket.socket, text: bytes, descriptors: Sequence[int]) -> bool:
    """Whether there was room for a message.

    Raises:
        OSError: the system refuses.
    """
    try:
        if len(text) < LARGEST:
            socket.send_fds(writer, [_INLINE, text], descriptors)
            return True
    except OSError as error:
        if error.errno in _NO_ROOM:
            return False
        if error.errno != errno.EMSGSIZE:
            raise
    return _is_sent_in_file(writer, text, descriptors)


def _is_sent_in_file(writer: socket.socket, text: bytes, descriptors: Sequence[int]) -> bool:
    with tempfile.TemporaryFile() as file:
        file.write(text)
        file.flush()
        try:
            socket.send_fds(writer, [_IN_FILE], [*descriptors, file.fileno()])
        except OSError as error:
            if error.errno in _NO_ROOM:
                return False
            raise
        return True
