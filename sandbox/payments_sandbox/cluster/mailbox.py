"""Owns how processes of one machine send each other datagrams, optionally with descriptors.

A mailbox is a pair of sockets that the parent process makes before it starts any worker: everybody
writes to one of the two, and the owner reads from the other. Both outlive the owner. So a message
to a worker that died is read by its replacement, and nobody has to reconnect.
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
"""Bytes from which on a message goes in a file; so do messages that are too long for the system."""

_INLINE: Final = b"."
_IN_FILE: Final = b"+"
_MOST_DESCRIPTORS: Final = 2
_IS_CUT: Final = int(socket.MSG_CTRUNC)
"""A plain int: testing the enum's flag takes as long as the rest of `receive_message`."""

_NO_ROOM: Final = frozenset({errno.EAGAIN, errno.ENOBUFS})


class Message(NamedTuple):
    """A received message.

    Attributes:
        text: the bytes.
        descriptors: now belong to the receiver, which has to close them.
        is_whole: whether all descriptors arrived; a process with too many open files gets none.
    """

    text: bytes
    descriptors: tuple[int, ...] = ()
    is_whole: bool = True


class Mailbox(NamedTuple):
    """The two ends of a mailbox.

    Attributes:
        reader: the end that its owner reads from.
        writer: the end that everybody writes to.
    """

    reader: socket.socket
    writer: socket.socket


def open_mailbox() -> Mailbox:
    """Make a mailbox; processes that are forked afterwards share it."""
    reader, writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    for end in (reader, writer):
        end.setblocking(False)  # noqa: FBT003 - the module's own way
    return Mailbox(reader, writer)


def receive_message(reader: socket.socket) -> Message | None:
    """The next message of a mailbox; None if there is none.

    Raises:
        OSError: the message came in a file that cannot be read.
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
    """Sends messages to one mailbox; if it is full, they wait in their order."""

    def __init__(self, writer: socket.socket) -> None:
        self._writer = writer
        self._waiting: deque[tuple[bytes, list[int]]] = deque()
        self._flushed: asyncio.Future[None] | None = None

    def send(self, text: bytes, descriptors: Sequence[int] = ()) -> None:
        """Send a message.

        Args:
            text: of any length.
            descriptors: at most one; the sender keeps it, and may close it at once.

        Raises:
            OSError: the system rejects it.
        """
        if not self._waiting and _is_sent(self._writer, text, descriptors):
            return
        if not self._waiting:
            asyncio.get_running_loop().add_writer(self._writer, self._send_waiting)
        self._waiting.append((text, [os.dup(each) for each in descriptors]))

    async def flush(self) -> None:
        """Wait until all waiting messages are sent."""
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
    """Send a message if there is room for it, and return whether there was.

    Raises:
        OSError: the system rejects it.
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
