"""Owns what one node asks all others: the engine carries questions and answers.

What a node has counted of its calls is asked of nobody: Prometheus asks each node, and a sum over
nodes that come and go is no counter.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Protocol

import orjson

from payments_sandbox.cluster.store import EngineError
from payments_sandbox.core.errors import InternalError

_OF_EACH: Final = frozenset({"metrics"})
"""Questions that each node answers for itself alone."""


class Messenger(Protocol):
    """Carries questions from one node to others, and answers back."""

    async def ask(self, name: str, question: bytes) -> Sequence[bytes]:
        """Ask all nodes but one; the log says how many have not answered.

        Args:
            name: the node that asks.
            question: any bytes.

        Returns:
            The answers, in no order, of those that are there and answer for as long as a lease.

        Raises:
            EngineError: they cannot be asked.
        """

    def answering(
        self, name: str, answer: Callable[[bytes], bytes]
    ) -> AbstractAsyncContextManager[None]:
        """Let a node answer what the others ask, until the block ends."""


class OtherNodes:
    """The other nodes of the cluster that a node is a part of; it is an `Elsewhere`.

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

    async def ask(self, question: str, given: list[Any] | None = None) -> list[Any]:
        """Ask each of them, as `Elsewhere`.

        Raises:
            InternalError: the engine is away.
        """
        if question in _OF_EACH:
            return []
        try:
            answers = await self._messenger.ask(self._name, orjson.dumps([question, given]))
        except EngineError as error:
            raise InternalError(f"The engine of the cluster is away: {error}.") from None
        return [orjson.loads(answer) for answer in answers]

    def answering(self) -> AbstractAsyncContextManager[None]:
        """Answer what the others ask, until the block ends."""
        return self._messenger.answering(self._name, self._answered)

    def _answered(self, question: bytes) -> bytes:
        return orjson.dumps(self._answer(*orjson.loads(question)))
