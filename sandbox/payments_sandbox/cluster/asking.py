"""Owns how one process of a server asks another: a question in its mailbox, and a way back."""

import asyncio
import contextlib
import inspect
import socket
from collections.abc import Callable
from typing import Any, Final

import orjson

from payments_sandbox.cluster.mailbox import Outgoing

QUESTION: Final = b"q"
"""What the message of a question begins with."""

Answer = Callable[[str, list[Any] | None], object]
"""Answers a question of a name with what it is about; what it gives may have to be awaited."""


async def ask(mailbox: Outgoing, question: str, given: list[Any] | None = None) -> Any:  # noqa: ANN401 - JSON
    """Ask the owner of a mailbox; None where it ends meanwhile.

    Args:
        mailbox: where it reads.
        question: its name in `server/control/questions.py`.
        given: what it is about.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        mailbox.send(QUESTION + orjson.dumps([question, given]), (theirs.fileno(),))
    reader, writer = await asyncio.open_connection(sock=ours)
    text = b""
    with contextlib.closing(writer), contextlib.suppress(ConnectionError):
        text = await reader.read()
    return orjson.loads(text) if text else None


async def reply(connection: socket.socket, text: bytes, answer: Answer) -> None:
    """Answer a question that has come, on the way back that came with it."""
    _, writer = await asyncio.open_connection(sock=connection)
    with contextlib.closing(writer):
        given = answer(*orjson.loads(text))
        if inspect.isawaitable(given):
            given = await given
        writer.write(orjson.dumps(given))
