"""Owns a world at rest: all of it as one JSON value, and exactly the same world back."""

import contextlib
from collections.abc import Generator, Iterator, Mapping
from typing import Any, Final

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.instants import LAST, SECOND, Instant, show_instant
from payments_sandbox.world.config import ServerContext, WorldConfig
from payments_sandbox.world.snapshot_checks import Accounts
from payments_sandbox.world.timeline import ActOnPayment, AttemptDelivery, Job, SettlePayment
from payments_sandbox.world.world import World

FORMAT: Final = "payments-sandbox/world"
VERSION: Final = 2

_AS_GIVEN: Final = "this part as GET world/snapshot gave it"
_MALFORMED: Final = (ValueError, TypeError, IndexError, OverflowError, AttributeError)
"""What comes of values that are not what a snapshot has in their place."""


def snapshot(world: World) -> dict[str, object]:
    """The whole world but its API key; no card number, security code or credential is in it."""
    config = world.config
    world.catch_up()
    return {
        "format": FORMAT,
        "version": VERSION,
        "seed": config.seed,
        "webhook_secret": config.webhook_secret,
        "frozen_at": config.frozen_at,
        "clock": world.clock.snapshot(),
        "timeline": world.timeline.snapshot(),
        "rate_limit": world.limiter.snapshot(),
        "rules": world.rules.snapshot(),
        "pending_reads": world.pending_reads.snapshot(),
        "ledger": world.ledger.snapshot(),
        "journal": world.journal.snapshot(),
        "webhooks": _webhooks(world),
    }


def restored(
    kept: Mapping[str, Any], *, api_key: str, made_at: Instant, context: ServerContext
) -> World:
    """A world made anew from a snapshot, in one go; see `restoring`."""
    steps = restoring(kept, api_key=api_key, made_at=made_at, context=context)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            world: World = done.value
            return world


def restoring(
    kept: Mapping[str, Any], *, api_key: str, made_at: Instant, context: ServerContext
) -> Generator[None, None, World]:
    """Make a world anew from a snapshot, a few milliseconds at a time; the last step returns it.

    Nobody else knows the world before that. Texts are masked, should somebody have put a card
    number into one.

    Raises:
        InvalidRequest: it is no snapshot of this version, or its parts contradict each other; the
            details start with the JSON pointer of the part.
    """
    if kept.get("format") != FORMAT or kept.get("version") != VERSION:
        raise InvalidRequest(
            f"/version: expected a snapshot of format {FORMAT}, version {VERSION}."
        )
    world = World(_birth(kept, api_key, made_at), context)
    with _naming("clock"):
        world.clock.restore(kept["clock"])
    with _naming("rate_limit"):
        world.limiter.restore(kept["rate_limit"])
    with _naming("ledger"):
        yield from world.ledger.restore(kept["ledger"])
        yield from Accounts(kept["ledger"]).check()
        world.mark_published()
    with _naming("timeline"):
        world.timeline.restore(**kept["timeline"])
    with _naming("pending_reads"):
        world.pending_reads.restore(kept["pending_reads"], len(world.ledger.payments))
    with _naming("rules"):
        _restore_rules(world, kept["rules"])
    with _naming("journal"):
        yield from world.journal.restore(**kept["journal"])
    with _naming("webhooks"):
        _restore_webhooks(world, kept["webhooks"])
    _check_time(world, Instant(kept["clock"]["now"]))
    with _naming("webhooks"):
        _check_attempts(world)
    return world


def _birth(kept: Mapping[str, Any], api_key: str, made_at: Instant) -> WorldConfig:
    with _naming("seed"):
        seed = int(kept["seed"])
    with _naming("webhook_secret"):
        secret = _secret(kept["webhook_secret"])
    with _naming("frozen_at"):
        frozen_at = kept["frozen_at"]
        if frozen_at is not None:
            frozen_at = _instant(frozen_at, LAST)
    with _naming("rate_limit"):
        limit = int(kept["rate_limit"]["default"])
    return WorldConfig(api_key, seed, secret, frozen_at, limit, made_at)


def _secret(kept: str) -> str:
    from payments_sandbox.webhooks import signing  # noqa: PLC0415 - a start without a snapshot does without

    signing.check_secret(kept, signing.Scheme.STANDARD)
    return kept


def _webhooks(world: World) -> dict[str, object] | None:
    if world.webhooks is None:
        return None
    from payments_sandbox.webhooks import snapshot as webhooks_snapshot  # noqa: PLC0415 - most worlds have none

    return webhooks_snapshot.snapshot(world.webhooks)


def _restore_webhooks(world: World, kept: dict[str, Any] | None) -> None:
    world.webhooks = None  # without the endpoints that every world is made with
    if kept is not None:
        from payments_sandbox.webhooks import snapshot as webhooks_snapshot  # noqa: PLC0415 - as above

        webhooks_snapshot.restore(world.open_webhooks(), kept)


def _restore_rules(world: World, kept: dict[str, Any]) -> None:
    scenarios = [world.context.read_scenario(source) for source in kept["scenarios"]]
    world.rules.restore(scenarios, **{key: kept[key] for key in kept if key != "scenarios"})


def _is_possible(world: World, job: Job) -> bool:
    match job:
        case AttemptDelivery(delivery):
            return world.webhooks is not None and world.webhooks.outbox.is_pending(delivery)
        case SettlePayment(int(number)) | ActOnPayment(int(number)):
            return 0 <= number < len(world.ledger.payments)
        case _:
            return True


def _check_attempts(world: World) -> None:
    """Hold the timeline against the deliveries: what one says is due, so does the other."""
    jobs = world.timeline.upcoming(10**9)
    due = sorted((job.delivery, at) for at, job in jobs if isinstance(job, AttemptDelivery))
    deliveries = () if world.webhooks is None else world.webhooks.outbox.oldest_first()
    planned = sorted((each.number, each.next_at) for each in deliveries if each.next_at is not None)
    if due != planned:
        raise ValueError("a delivery would be lost, or sent twice")


def _instant(value: object, latest: int) -> Instant:
    if not isinstance(value, int) or not 0 <= value <= latest:
        raise ValueError("an instant is none that a clock reaches")
    return Instant(value)


def _check_time(world: World, now: Instant) -> None:
    """Hold the clock against the ledger before it and the jobs behind it, as clients see seconds.

    Raises:
        InvalidRequest: something has happened after now, or was to happen before.
    """
    if now < world.ledger.latest:
        latest = show_instant(world.ledger.latest)
        raise InvalidRequest(f"/clock/now: expected not to be before the ledger's last, {latest}.")
    with _naming("timeline"):
        for due, job in world.timeline.upcoming(len(world.timeline)):
            if _instant(due, 2 * LAST) // SECOND < now // SECOND:
                raise InvalidRequest("/timeline/due: expected nothing to be due before the clock.")
            if not _is_possible(world, job):
                raise InvalidRequest("/timeline/due: expected jobs about what is there.")


@contextlib.contextmanager
def _naming(part: str) -> Iterator[None]:
    """Turn what comes of malformed values into a refusal that names the part, and quotes nothing.

    Raises:
        InvalidRequest: the block raised one of them.
    """
    try:
        yield
    except KeyError as error:
        raise InvalidRequest(f"/{part}: expected {_AS_GIVEN}; {error} is missing.") from error
    except _MALFORMED as error:
        raise InvalidRequest(f"/{part}: expected {_AS_GIVEN}.") from error
