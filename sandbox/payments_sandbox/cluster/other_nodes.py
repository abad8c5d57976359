"""Owns what one node asks all others: the engine carries the questions and answers.

Counters of calls are not among the questions: Prometheus scrapes each node, and a sum over nodes
that come and go would not be a counter.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Protocol

import orjson

from payments_sandbox.cluster.store import EngineError
from payments_sandbox.core.errors import InternalError

_OF_ALL: Final = frozenset({"coverage", "summaries_of_worlds", "uses_of_worlds"})
"""Questions about all nodes; each node answers every other question for itself alone."""


class Messenger(Protocol):
    """Carries questions from one node to the others, and the answers back."""

    async def ask(self, name: str, question: bytes) -> Sequence[bytes]:
        """Ask all nodes except the one that asks, and log how many did not answer.

        Args:
            name: the node that asks.
            question: any bytes.

        Returns:
            The answers, unordered, of the nodes that answer within the time of a lease.

        Raises:
            EngineError: they cannot be asked.
        """

    def answering(
        self, name: str, answer: Callable[[bytes], bytes]
    ) -> AbstractAsyncContextManager[None]:
        """Let a node answer the questions of the others until the block ends."""


class OtherNodes:
    """The other nodes of this node's cluster; it implements `Elsewhere`.

    Args:
        messenger: carries questions.
        name: of this node.
        answer: answers a question of another node.
    """

    def __init__(
        self,
        messenger: Messenger,
        name: str,
        answer: Callable[[str, list[Any] | None], object],
    ) -> None:
        self._messenger = messenger
        self._name = name
        self._answer = answer

    async def ask(self, question: str, arguments: list[Any] | None = None) -> list[Any]:
        """Ask each of them; see `Elsewhere`.

        Raises:
            InternalError: the engine is away.
        """
        if question not in _OF_ALL:
            return []
        try:
            answers = await self._messenger.ask(self._name, orjson.dumps([question, arguments]))
        except EngineError as error:
            raise InternalError(f"Cannot reach the engine of the cluster: {error}.") from None
        return [orjson.loads(answer) for answer in answers]

    def answering(self) -> AbstractAsyncContextManager[None]:
        """Answer the questions of the other nodes until the block ends."""
        return self._messenger.answering(self._name, self._answered)

    def _answered(self, question: bytes) -> bytes:
        name, arguments = orjson.loads(question)
        return orjson.dumps(self._answer(name, arguments))
