"""Owns the state file of a server: a line for each world, between a head and an end that seals it.

The end has a digest of everything before it, so a truncated or changed file is detected before any
world is made from it.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from typing import Any, Final, NamedTuple

import orjson

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.ids import API_KEY
from payments_sandbox.core.instants import EPOCH, LAST, Instant
from payments_sandbox.core.slices import SLICE, Slices, discard
from payments_sandbox.world.config import ServerContext
from payments_sandbox.world.snapshot import blocks_of, restoring, snapshotting
from payments_sandbox.world.world import World

FORMAT: Final = "payments-sandbox/state"
VERSION: Final = 1

_HEAD: Final = orjson.dumps({"format": FORMAT, "version": VERSION})

_KEY_OF_LINE: Final = re.compile(rb'\["(' + API_KEY.pattern.encode() + rb')",')

_EXPECTED_WORLD: Final = "expected [API key, created at, used at, snapshot], and each key once"


class NoStateError(ValueError):
    """The lines are not the state of a server; the message says why."""


class SavedWorld(NamedTuple):
    """A line of a state file: a snapshot of a world, and what the snapshot does not contain."""

    api_key: str
    made_at: Instant
    used_at: Instant
    snapshot: dict[str, Any]

    @property
    def slices(self) -> int:
        """About how many slices it takes to restore it: its rows are read, and later freed."""
        ledger = self.snapshot.get("ledger")
        parts = ledger.values() if isinstance(ledger, dict) else ()
        rows = sum(len(part) for part in parts if isinstance(part, list))
        return 1 + 2 * rows // SLICE

    def restoring(self, context: ServerContext) -> Slices[World]:
        """Make the world exactly as it was, in slices.

        Raises:
            NoStateError: the snapshot is invalid, or of another version.
        """
        try:
            world = yield from restoring(
                self.snapshot, api_key=self.api_key, made_at=self.made_at, context=context
            )
        except InvalidRequest as error:
            raise NoStateError(f"the world of {self.api_key}: {error.details}") from None
        world.used_at = self.used_at
        return world


def writing(
    worlds: Iterable[World], report_unsaved: Callable[[World, Exception], None]
) -> Slices[list[bytes]]:
    """Write the blocks of the file, in slices; each world as it is when its turn comes.

    `report_unsaved` is called for each world that could not be saved, with the error; the file
    has no line for it.
    """
    count, file = 0, [_HEAD]
    seal = sha256(_HEAD)
    for world in worlds:
        try:
            line = yield from _writing_line(world)
        except Exception as error:  # noqa: BLE001 - a bug in one world must not keep the others from being saved
            report_unsaved(world, error)
            continue
        for block in line:
            seal.update(block)
            yield
        file += [b"\n", *line]
        count += 1
    return [*file, *_end(count, seal.hexdigest())]


def rewritten(saved: Iterable[SavedWorld]) -> list[bytes]:
    """Write the blocks of a file of worlds that were read from other files."""
    lines = [orjson.dumps([*each]) for each in saved]
    seal = sha256(b"".join([_HEAD, *lines]))
    file = [block for line in lines for block in (b"\n", line)]
    return [_HEAD, *file, *_end(len(lines), seal.hexdigest())]


def _end(count: int, seal: str) -> list[bytes]:
    return [b"\n", orjson.dumps({"worlds": count, "sha256": seal}), b"\n"]


def _writing_line(world: World) -> Slices[list[bytes]]:
    """Write the whole line of a world, or raise before any of it is in the file."""
    snapshot = yield from snapshotting(world)
    head = orjson.dumps([world.config.api_key, world.config.made_at, world.used_at])
    line = [head.removesuffix(b"]") + b","]
    for block in blocks_of(snapshot, orjson.dumps):
        line.append(block)
        yield
    yield from discard(snapshot["ledger"])
    return [*line, b"]"]


def read_lines(lines: Iterable[bytes]) -> list[SavedWorld]:
    """Read the worlds in the lines of a state file.

    Raises:
        NoStateError: it is truncated, was changed, or is something else.
    """
    *opened, end = [line.rstrip(b"\n") for line in lines] or [b""]
    if not opened or _value(opened[0]) != {"format": FORMAT, "version": VERSION}:
        raise NoStateError(f"expected a file of format {FORMAT}, version {VERSION}")
    seal = sha256()
    for line in opened:
        seal.update(line)
    if _value(end) != {"worlds": len(opened) - 1, "sha256": seal.hexdigest()}:
        raise NoStateError("it is incomplete or was edited: its checksum does not match")
    saved: dict[str, SavedWorld] = {}
    for number, line in enumerate(opened[1:], start=2):
        world = _saved_world(line)
        if world is None or world.api_key in saved:
            raise NoStateError(f"line {number}: {_EXPECTED_WORLD}")
        saved[world.api_key] = world
    return list(saved.values())


def keys_of(lines: Iterable[bytes]) -> Iterator[str]:
    """Yield the keys of the worlds in the lines of a state file, without reading the worlds."""
    for line in lines:
        if found := _KEY_OF_LINE.match(line):
            yield found[1].decode()


def _saved_world(line: bytes) -> SavedWorld | None:
    """The world in a line; None if it is invalid, since anybody can write and seal a file."""
    match _value(line):
        case [str(key), int(made_at), int(used_at), dict(kept)] if API_KEY.fullmatch(key) and all(
            EPOCH <= each <= LAST for each in (made_at, used_at)
        ):
            return SavedWorld(key, Instant(made_at), Instant(used_at), kept)
    return None


def _value(line: bytes) -> object:
    try:
        value: object = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return value
