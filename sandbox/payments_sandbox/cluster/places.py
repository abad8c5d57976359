"""Owns where the world of a key can be: in this process, in a sibling, or on another machine."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class Here:
    """In this process."""


@dataclass(frozen=True, slots=True)
class Sibling:
    """In another process of this machine with the same parent: a worker, by its index."""

    index: int


class Member(NamedTuple):
    """A node of the cluster, on any machine.

    Attributes:
        name: of this run of the node; unique.
        host, port: where other nodes reach it, and relay connections to.
        is_leaving: whether it takes no more keys.
    """

    name: str
    host: str
    port: int
    is_leaving: bool = False


Place = Here | Sibling | Member


class NoOwnerError(Exception):
    """No node has a key at the moment, or it is unknown which; the text says why."""


class UnreadableWorldError(NoOwnerError):
    """What is stored of the world of a key cannot be read by this node."""

    def __init__(self, key: str, error: Exception) -> None:
        super().__init__(
            f"cannot read the stored world of {key} ({error}): it was not written by this version;"
            f" delete payments-sandbox:effects:{key} from the engine to start the key anew"
        )


class UnreachableError(Exception):
    """Nothing listens at the address of a node; the text says how that was found.

    Attributes:
        is_refused: whether its machine refused the connection.
    """

    def __init__(self, text: str, *, is_refused: bool = False) -> None:
        super().__init__(text)
        self.is_refused = is_refused


class Directory(Protocol):
    """Knows the place of every key."""

    def place_of(self, key: str) -> Place | None:
        """The place of a key if it is known without I/O; otherwise None: use `claim`."""

    async def claim(self, key: str) -> Place:
        """Ask for the place of a key; a key without an owner gets one.

        Raises:
            NoOwnerError: there is none at the moment.
        """

    def unreachable(self, node: Member, error: UnreachableError) -> None:
        """Note that a node did not answer, so that the owners of its keys are asked for again."""
