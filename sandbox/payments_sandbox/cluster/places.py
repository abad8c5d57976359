"""Owns where the world of a key is: in this process, in a sibling of it, or on another machine."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class Here:
    """In this process."""


@dataclass(frozen=True, slots=True)
class Sibling:
    """In another process of this machine, started by the same parent: a worker by its index."""

    index: int


class Member(NamedTuple):
    """A node of the cluster, on whatever machine.

    Attributes:
        name: of this run of it; no other has the same.
        host, port: where others reach it, and connections are relayed to.
        is_leaving: whether it takes no further keys.
    """

    name: str
    host: str
    port: int
    is_leaving: bool = False


Place = Here | Sibling | Member


class NoOwnerError(Exception):
    """Nobody has a key at the moment, or it cannot be found out who; the text says why."""


class UnreadableWorldError(NoOwnerError):
    """What is kept of the world of a key is nothing that this node can read."""

    def __init__(self, key: str, error: Exception) -> None:
        super().__init__(
            f"what the cluster keeps of the world of {key} cannot be read ({error}): expected what"
            f" a node of this version writes; without payments-sandbox:effects:{key} in the engine"
            " the key begins anew"
        )


class UnreachableError(Exception):
    """Nobody listens where a node is said to be; the text says how that shows.

    Attributes:
        is_refused: whether its machine has refused the connection.
    """

    def __init__(self, text: str, *, is_refused: bool = False) -> None:
        super().__init__(text)
        self.is_refused = is_refused


class Directory(Protocol):
    """Knows the place of every key."""

    def place_of(self, key: str) -> Place | None:
        """The place of a key, as far as it is known without I/O; None has to be asked for."""

    async def claim(self, key: str) -> Place:
        """Ask for the place of a key; one that has no owner yet gets the one who should have it.

        Raises:
            NoOwnerError: there is none at the moment.
        """

    def unreachable(self, node: Member, error: UnreachableError) -> None:
        """Nobody has answered at a node: what is known of its keys is to be asked for again."""
