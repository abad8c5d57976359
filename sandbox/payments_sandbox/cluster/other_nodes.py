"""Owns what one node asks all others: the engine carries questions and answers.

What a node has counted of its calls is asked of nobody: Prometheus asks each node, and a sum over
nodes that come and go is no counter.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Protocol

import orjson

from payments_sandbox.cluster.store import EngineError, NoQuestionError
from payments_sandbox.core.errors import InternalError

_OF_ALL: Final = frozenset({"coverage", "summaries_of_worlds", "uses_of_worlds"})
"""Questions that are about all nodes; others each node answers for itself alone."""

_log: Final = logging.getLogger(__name__)


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
        if question not in _OF_ALL:
            return []
        try:
            answers = await self._messenger.ask(self._name, orjson.dumps([question, given]))
        except EngineError as error:
            raise InternalError(f"The engine of the cluster cannot be asked: {error}.") from None
        return [read for answer in answers for read in _read(answer)]

    def answering(self) -> AbstractAsyncContextManager[None]:
        """Answer what the others ask, until the block ends."""
        return self._messenger.answering(self._name, self._answered)

    def _answered(self, question: bytes) -> bytes:
        """The answer to a question.

        Raises:
            NoQuestionError: a node of this version asks no such thing.
        """
        try:
            name, given = orjson.loads(question)
            if name in _OF_ALL:
                return orjson.dumps(self._answer(name, given))
        except (ValueError, TypeError) as error:
            raise NoQuestionError(f"{question!r:.100} ({error})") from None
        raise NoQuestionError(f"nobody asks {name!r:.100} of all nodes")


def _read(answer: bytes) -> list[Any]:
    """An answer that has come, if it is one."""
    try:
        return [orjson.loads(answer)]
    except ValueError:
        _log.warning(
            "an answer of another node is left out, since it cannot be read: %.100r", answer
        )
        return []
