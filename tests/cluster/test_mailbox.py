"""The mailbox between processes: messages arrive whole and in order, with their descriptors."""

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
@pytest.mark.parametrize(
    "has_descriptor", [False, True], ids=["without descriptor", "with descriptor"]
)
def test_a_message_of_any_size_arrives_unchanged_with_its_descriptor(
    box: Mailbox, *, size: int, has_descriptor: bool
) -> None:
    """The receiver owns the descriptor."""
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
async def test_600_messages_sent_before_any_is_read_arrive_in_order(
    box: Mailbox, size: int
) -> None:
    """More than the system buffers, each with a descriptor that its sender has closed."""
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


def test_a_message_longer_than_the_system_allows_arrives_whole(
    box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on macOS, where a datagram has at most two kilobytes: it goes through a file."""
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
def test_a_message_whose_descriptor_cannot_be_opened_is_marked_as_not_whole(
    box: Mailbox, size: int
) -> None:
    """The receiver has too many open files; the next message is whole again."""
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


def test_sending_to_a_closed_mailbox_raises_an_os_error(box: Mailbox) -> None:
    box.reader.close()
    for size in (10, LARGEST):
        with pytest.raises(OSError, match=r"refused|not connected"):
            Outgoing(box.writer).send(b"x" * size)
