"""Owns a whole server at rest: every world as one line, between a head and an end that seals them.

The end carries a digest of all that is before it, so a file that is torn or was changed is known
before any world is made of it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import orjson

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.instants import Instant
from payments_sandbox.world.config import ServerContext
from payments_sandbox.world.snapshot import restored, snapshot
from payments_sandbox.world.world import World

FORMAT: Final = "payments-sandbox/state"
VERSION: Final = 1


class NoStateError(ValueError):
    """What was read is not the state of a server; the text says why."""


@dataclass(frozen=True, slots=True)
class SavedWorld:
    """A world at rest, with what its snapshot does not say."""

    api_key: str
    made_at: Instant
    used_at: Instant
    snapshot: dict[str, Any]

    def restored(self, context: ServerContext) -> World:
        """The world, exactly as it was.

        Raises:
            NoStateError: the snapshot is none of this version.
        """
        try:
            world = restored(
                self.snapshot, api_key=self.api_key, made_at=self.made_at, context=context
            )
        except InvalidRequest as error:
            raise NoStateError(f"the world of {self.api_key[:12]}…: {error.details}") from None
        world.used_at = self.used_at
        return world


def lines_of(worlds: Iterable[World]) -> Iterator[bytes]:
    """The state, line by line, without line ends; each world is as it is when its line is made."""
    seal = sha256()
    count = 0
    for count, line in enumerate(_open_lines(worlds)):  # noqa: B007 - how many came is the point
        seal.update(line)
        yield line
    yield orjson.dumps({"worlds": count, "sha256": seal.hexdigest()})


def _open_lines(worlds: Iterable[World]) -> Iterator[bytes]:
    yield orjson.dumps({"format": FORMAT, "version": VERSION})
    for world in worlds:
        config = world.config
        yield orjson.dumps([config.api_key, config.made_at, world.used_at, snapshot(world)])


def read_lines(lines: Iterable[bytes]) -> list[SavedWorld]:
    """The worlds of a state.

    Raises:
        NoStateError: it is torn, was changed, or is something else.
    """
    *opened, end = [line.rstrip(b"\n") for line in lines] or [b""]
    if not opened or _value(opened[0]) != {"format": FORMAT, "version": VERSION}:
        raise NoStateError(f"expected a file of format {FORMAT}, version {VERSION}")
    seal = sha256()
    for line in opened:
        seal.update(line)
    if _value(end) != {"worlds": len(opened) - 1, "sha256": seal.hexdigest()}:
        raise NoStateError("it is torn, or was changed by hand: its end does not seal the rest")
    return [_world(line) for line in opened[1:]]


def _world(line: bytes) -> SavedWorld:
    api_key, made_at, used_at, kept = orjson.loads(line)
    return SavedWorld(api_key, Instant(made_at), Instant(used_at), kept)


def _value(line: bytes) -> object:
    try:
        value: object = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return value
