"""Owns how one process of a server asks another: a question in its mailbox, with a reply socket."""

import asyncio
import contextlib
import inspect
import socket
from collections.abc import Callable
from typing import Any, Final

import orjson

from payments_sandbox.cluster.mailbox import Outgoing

QUESTION: Final = b"q"
"""The first byte of a message that is a question."""

Answer = Callable[[str, list[Any] | None], object]
"""Answers a question, given its name and its arguments; the result may be awaitable."""


async def ask(mailbox: Outgoing, question: str, arguments: list[Any] | None = None) -> Any:  # noqa: ANN401 - JSON
    """Ask the process that owns a mailbox; None if it ends before it answers.

    Args:
        mailbox: the mailbox of the process to ask.
        question: its name in `server/control/questions.py`.
        arguments: the arguments of the question.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        mailbox.send(QUESTION + orjson.dumps([question, arguments]), (theirs.fileno(),))
    reader, writer = await asyncio.open_connection(sock=ours)
    text = b""
    with contextlib.closing(writer), contextlib.suppress(ConnectionError):
        text = await reader.read()
    return orjson.loads(text) if text else None


async def reply(connection: socket.socket, text: bytes, answer: Answer) -> None:
    """Answer a question on the socket that came with it."""
    _, writer = await asyncio.open_connection(sock=connection)
    with contextlib.closing(writer):
        result = answer(*orjson.loads(text))
        if inspect.isawaitable(result):
            result = await result
        writer.write(orjson.dumps(result))
