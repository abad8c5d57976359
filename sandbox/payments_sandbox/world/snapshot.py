"""Owns snapshots: a whole world as one JSON value, and exactly the same world from it.

Theory of operation:

1. `snapshotting` returns all of a world except its API key, as plain values that do not change.
2. `sealed` writes them as canonical JSON, and adds the digest: the SHA-256 of the rest.
3. Canonical JSON has sorted keys, no blanks, UTF-8, and whole numbers written as integers. So a
   snapshot may be parsed and written again by other programs: only its values count.
4. `check_seal` rejects other versions, and values that do not match the digest. So a snapshot is
   restored unchanged or not at all, and its parts need not be checked against each other.
5. `restoring` makes a world from values that are sealed by a digest or by the end of a state file.
   Since anybody can seal, it masks every text in them except scenarios. What cannot be read as a
   world is rejected. Apart from that, values are not checked: whoever seals nonsense gets a world
   of nonsense.
6. Long work is done in slices of a few milliseconds, between which a server answers other
   requests. Nobody can find a restored world before the last slice.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final, cast

import orjson

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.instants import Instant
from payments_sandbox.core.masking import masking
from payments_sandbox.core.slices import Slices, discard
from payments_sandbox.core.strict_json import MAX_DIGITS
from payments_sandbox.world.config import ServerContext, WorldConfig, world_name
from payments_sandbox.world.world import World

FORMAT: Final = "payments-sandbox/world"
VERSION: Final = 4
_VERSIONS: Final = 1_000
"""A bound of the versions that an error shows; any other number may be one of a card."""

_PART_AS_RETURNED: Final = "this part as GET world/snapshot returned it"
_BLOCK: Final = 2**16
"""How many bytes of JSON are written at once, in about a millisecond."""
_ROWS: Final = 8
"""How many rows are written at once; a row of the journal may have a large body."""
_PLAIN: Final = frozenset({str, int, bool, type(None)})
MALFORMED: Final = (ValueError, TypeError, LookupError, OverflowError, AttributeError)
"""The exceptions that invalid values in a snapshot cause."""


def snapshotting(world: World) -> Slices[dict[str, object]]:
    """Return the whole world as it is now, unsealed, without its API key and card numbers.

    It contains webhook secrets and the headers of endpoints, which a restored world has to send.
    Large parts are made in slices, without changes that happen meanwhile.
    """
    world.catch_up()
    snapshot = small_parts(world)
    snapshot["rules"] = world.rules.snapshot()
    snapshot["pending_reads"] = world.pending_reads.snapshot()
    # Each of these shows the present state. The ledger does too: its first slice runs at once.
    timeline, journal = world.timeline.snapshotting(), world.journal.snapshotting()
    webhooks, ledger = _snapshotting_webhooks(world), world.ledger.snapshotting()
    snapshot["ledger"] = yield from ledger
    snapshot["timeline"] = yield from timeline
    snapshot["journal"] = yield from journal
    snapshot["webhooks"] = None if webhooks is None else (yield from webhooks)
    return snapshot


def small_parts(world: World) -> dict[str, object]:
    """The parts whose size does not depend on what a world has seen."""
    config = world.config
    return {
        "format": FORMAT,
        "version": VERSION,
        "seed": config.seed,
        "name": config.name,
        "webhook_secret": config.webhook_secret,
        "frozen_at": config.frozen_at,
        "clock": world.clock.snapshot(),
        "rate_limit": world.limiter.snapshot(),
    }


def sealed(snapshot: Mapping[str, object]) -> Slices[list[bytes]]:
    """Write a snapshot as blocks of JSON with its digest, in slices."""
    seal, blocks = sha256(), []
    for block in blocks_of(snapshot, _canonical):
        seal.update(block)
        blocks.append(block)
        yield
    digest = f'{{"digest":"sha256:{seal.hexdigest()}",'.encode()
    return [digest + blocks[0].removeprefix(b"{"), *blocks[1:]]


def check_seal(snapshot: Mapping[str, object]) -> Slices[None]:
    """Check a snapshot, as read by `strict_json`, against its digest, in slices.

    Raises:
        InvalidRequest: it is not a snapshot of this version, or it was changed.
    """
    _check_version(snapshot)
    try:
        digest = yield from _digest({key: snapshot[key] for key in snapshot if key != "digest"})
    except (TypeError, ValueError):
        digest = ""  # a number that no snapshot contains
    if snapshot.get("digest") != digest:
        raise InvalidRequest(
            "/digest: expected the digest of the rest; this snapshot was changed after GET"
            " world/snapshot returned it."
        )


def _check_version(snapshot: Mapping[str, object]) -> None:
    version = snapshot.get("version")
    if snapshot.get("format") != FORMAT or version != VERSION:
        expected = f"/version: expected a snapshot of format {FORMAT}, version {VERSION}."
        if (
            snapshot.get("format") == FORMAT
            and type(version) is int
            and version in range(_VERSIONS)
        ):
            expected += (
                f" This one has version {version}, so only the release of payments-sandbox that"
                " made it can read it."
            )
        raise InvalidRequest(expected)


def _digest(snapshot: Mapping[str, object]) -> Slices[str]:
    seal = sha256()
    for block in blocks_of(snapshot, _canonical):
        seal.update(block)
        yield
    return f"sha256:{seal.hexdigest()}"


def blocks_of(snapshot: object, write: Callable[[object], bytes]) -> Iterator[bytes]:
    """Yield the JSON of a snapshot or of a part of one, in blocks of about a millisecond.

    Raises:
        TypeError, ValueError: a value cannot be in a snapshot.
    """
    block = bytearray()
    for piece in _pieces(snapshot, write):
        block += piece
        if len(block) >= _BLOCK:
            yield bytes(block)
            block.clear()
    yield bytes(block)


def _pieces(value: object, write: Callable[[object], bytes], depth: int = 2) -> Iterator[bytes]:
    """Yield the JSON of a value in pieces; objects and lists down to a depth are split."""
    if depth >= 0 and isinstance(value, dict):
        yield b"{"
        for place, key in enumerate(sorted(value)):
            yield b"," * (place > 0) + orjson.dumps(key) + b":"
            yield from _pieces(value[key], write, depth - 1)
        yield b"}"
    elif depth >= 0 and isinstance(value, list):
        yield b"["
        for start in range(0, len(value), _ROWS):
            yield b"," * (start > 0) + write(value[start : start + _ROWS])[1:-1]
        yield b"]"
    else:
        yield write(value)


def _canonical(value: object) -> bytes:
    return orjson.dumps(_with_integers(value), option=orjson.OPT_SORT_KEYS)


def _with_integers(value: object) -> object:
    """Convert the numbers in a JSON value: whole ones to integers, all others to floats."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, dict):
        return {key: _with_integers(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_integers(item) for item in value]
    if isinstance(value, Decimal):
        if Decimal(repr(float(value))) != value:
            raise ValueError("a number has too many digits")
        value = float(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**MAX_DIGITS:
        return int(value)
    return value


def restoring(
    snapshot: Mapping[str, Any],
    *,
    api_key: str,
    made_at: Instant,
    context: ServerContext,
    is_masked: bool = False,
) -> Slices[World]:
    """Make a world from a snapshot, in slices, and return it.

    Args:
        snapshot: the snapshot. The caller has checked its seal: by `check_seal`, or that of the
            state file.
        api_key: the key of the new world.
        made_at: when it is made, by wall time.
        context: what all worlds of its server share.
        is_masked: whether a server has certainly written it, so that there is nothing to mask.

    Raises:
        InvalidRequest: it is not a snapshot of this version, or a value in it is invalid; the
            details start with the JSON pointer of the part.
    """
    _check_version(snapshot)
    if not is_masked:
        snapshot = cast("Mapping[str, Any]", (yield from _masking(snapshot)))
    with _rejecting_malformed(""):
        world = World(_config(snapshot, api_key, made_at), context)
    with _rejecting_malformed("clock"):
        world.clock.restore(snapshot["clock"])
    with _rejecting_malformed("rate_limit"):
        world.limiter.restore(snapshot["rate_limit"])
    with _rejecting_malformed("ledger"):
        yield from world.ledger.restore(snapshot["ledger"])
        # The masked values are a copy, and freeing it at once takes long.
        yield from discard(snapshot["ledger"])
        # Its events were published before; this must happen before anything else can.
        world.mark_published()
    with _rejecting_malformed("timeline"):
        world.timeline.restore(**snapshot["timeline"])
    with _rejecting_malformed("pending_reads"):
        world.pending_reads.restore(snapshot["pending_reads"])
    with _rejecting_malformed("rules"):
        _restore_rules(world, snapshot["rules"])
    with _rejecting_malformed("journal"):
        yield from world.journal.restore(**snapshot["journal"])
    with _rejecting_malformed("webhooks"):
        _restore_webhooks(world, snapshot["webhooks"])
    return world


def _masking(snapshot: Mapping[str, Any]) -> Slices[object]:
    """Mask every text except scenarios, which name cards by their numbers."""
    masked = yield from masking(snapshot)
    match snapshot, masked:
        case {"rules": {"scenarios": list(written)}}, {"rules": dict(rules)}:
            rules["scenarios"] = written
    return masked


def has_scenarios(snapshot: object) -> bool:
    """Whether a snapshot contains scenarios, for which the scenario parser is needed."""
    match snapshot:
        case {"rules": {"scenarios": [_, *_]}}:
            return True
    return False


def _config(snapshot: Mapping[str, Any], api_key: str, made_at: Instant) -> WorldConfig:
    from payments_sandbox.webhooks.signing import Scheme, check_secret  # noqa: PLC0415 - few are restored

    limit, name = snapshot["rate_limit"]["default"], snapshot["name"]
    check_secret(snapshot["webhook_secret"], Scheme.STANDARD)
    return WorldConfig(
        api_key,
        snapshot["seed"],
        snapshot["webhook_secret"],
        snapshot["frozen_at"],
        limit,
        made_at,
        name and world_name(name),
    )


def _snapshotting_webhooks(world: World) -> Slices[dict[str, object]] | None:
    if world.webhooks is None:
        return None
    from payments_sandbox.webhooks import snapshot as webhooks_snapshot  # noqa: PLC0415 - most worlds have none

    return webhooks_snapshot.snapshotting(world.webhooks)


def _restore_webhooks(world: World, snapshot: dict[str, Any] | None) -> None:
    world.webhooks = None  # without the endpoints that every new world has
    if snapshot is not None:
        from payments_sandbox.webhooks import snapshot as webhooks_snapshot  # noqa: PLC0415 - as above

        webhooks_snapshot.restore(world.open_webhooks(), snapshot)


def _restore_rules(world: World, snapshot: dict[str, Any]) -> None:
    scenarios = [world.context.read_scenario(source) for source in snapshot["scenarios"]]
    world.rules.restore(scenarios, snapshot["counters"], snapshot["tallies"])


@contextlib.contextmanager
def _rejecting_malformed(part: str) -> Iterator[None]:
    """Turn errors of malformed values into one that names the part and quotes no value.

    Raises:
        InvalidRequest: the block raised such an error.
    """
    try:
        yield
    except KeyError as error:
        raise InvalidRequest(
            f"/{part}: expected {_PART_AS_RETURNED}; {error} is missing."
        ) from error
    except MALFORMED as error:
        raise InvalidRequest(f"/{part}: expected {_PART_AS_RETURNED}.") from error
