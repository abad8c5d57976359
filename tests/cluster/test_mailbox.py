"""Messages arrive whole and in order, with what they carry, however long they are."""

import asyncio
import errno
import os
import resource
import socket
from collections.abc import Iterator

import pytest

from payments_sandbox.cluster.mailbox import (
    LARGEST,
    Mailbox,
    Outgoing,
    open_mailbox,
    receive_message,
)
from tests.support.values import LONGEST_WAIT


@pytest.fixture
def box() -> Iterator[Mailbox]:
    """An empty mailbox."""
    box = open_mailbox()
    with box.reader, box.writer:
        yield box


@pytest.mark.parametrize("size", [0, 1, 1_000, LARGEST - 1, LARGEST, 1_000_000])
@pytest.mark.parametrize("has_descriptor", [False, True])
def test_a_message_arrives_as_it_was_sent(box: Mailbox, *, size: int, has_descriptor: bool) -> None:
    """A pipe that goes with it is the receiver's."""
    reading, writing = os.pipe()
    Outgoing(box.writer).send(b"x" * size, [writing] * has_descriptor)
    os.close(writing)
    message = receive_message(box.reader)
    assert message is not None
    assert (message.text, len(message.descriptors)) == (b"x" * size, has_descriptor)
    for each in message.descriptors:
        os.write(each, b"here")
        os.close(each)
    with open(reading, "rb") as pipe:  # noqa: PTH123 - a descriptor
        assert pipe.read() == b"here" * has_descriptor
    assert receive_message(box.reader) is None


@pytest.mark.parametrize("size", [10, LARGEST])
async def test_messages_without_room_wait_in_their_order(box: Mailbox, size: int) -> None:
    """Far more of them than the system keeps, each with a descriptor that was closed meanwhile."""
    outgoing, count = Outgoing(box.writer), 600
    for number in range(count):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            outgoing.send(b"%0*d" % (size, number), (theirs.fileno(),))
    loop, come = asyncio.get_running_loop(), asyncio.Event()
    numbers: list[int] = []
    loop.add_reader(box.reader, come.set)
    async with asyncio.timeout(LONGEST_WAIT):
        while len(numbers) < count:
            await come.wait()
            come.clear()
            while (message := receive_message(box.reader)) is not None:
                numbers.append(int(message.text[-9:]))
                os.close(*message.descriptors)
    loop.remove_reader(box.reader)
    assert numbers == list(range(count))


def test_what_the_system_finds_too_long_goes_in_a_file(
    box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on macOS, where a datagram has two kilobytes at most."""
    send = socket.send_fds

    def send_short(sock: socket.socket, parts: list[bytes], descriptors: list[int]) -> int:
        if sum(map(len, parts)) > 2_048:
            raise OSError(errno.EMSGSIZE, "Message too long")
        return send(sock, parts, descriptors)

    monkeypatch.setattr(socket, "send_fds", send_short)
    Outgoing(box.writer).send(b"x" * 5_000)
    message = receive_message(box.reader)
    assert message is not None
    assert message.text == b"x" * 5_000


@pytest.mark.parametrize("size", [10, LARGEST])
def test_who_has_too_many_open_gets_no_descriptor(box: Mailbox, size: int) -> None:
    """And is told, so that nobody waits for it; the next message is whole again."""
    Outgoing(box.writer).send(b"x" * size, (0,))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    os.close(lowest := os.dup(0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, limits[1]))
    try:
        message = receive_message(box.reader)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert message is not None
    assert (message.descriptors, message.is_whole) == ((), False)
    Outgoing(box.writer).send(b"next")
    assert receive_message(box.reader) == (b"next", (), True)


def test_a_message_that_nobody_can_get_is_refused(box: Mailbox) -> None:
    """The sender is told."""
    box.reader.close()
    for size in (10, LARGEST):
        with pytest.raises(OSError, match=r"refused|not connected"):
            Outgoing(box.writer).send(b"x" * size)
