"""Owns a world at rest: all of it as one JSON value, and exactly the same world back."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from sandbox.domain.errors import InvalidRequest
from sandbox.domain.events import Chargeback, Event, Refund
from sandbox.domain.instants import LAST, Instant
from sandbox.engine.birth import Birth, Laws
from sandbox.engine.ledger import Ledger
from sandbox.engine.timeline import AttemptDelivery
from sandbox.engine.world import World

FORMAT: Final = "payments-sandbox/world"
VERSION: Final = 1


def snapshot(world: World) -> dict[str, object]:
    """The whole world but its API key; no card number, security code or credential is in it."""
    birth = world.birth
    world.catch_up()
    return {
        "format": FORMAT,
        "version": VERSION,
        "seed": birth.seed,
        "webhook_secret": birth.webhook_secret,
        "frozen_at": birth.frozen_at,
        "clock": world.clock.snapshot(),
        "timeline": world.timeline.snapshot(),
        "rate_limit": world.limiter.snapshot(),
        "rules": world.script.snapshot(),
        "ledger": world.ledger.snapshot(),
        "journal": world.journal.snapshot(),
        "webhooks": _webhooks(world),
    }


def restored(kept: Mapping[str, Any], *, api_key: str, made_at: Instant, laws: Laws) -> World:
    """A world made anew from a snapshot; the given one is not touched when it is refused.

    Raises:
        InvalidRequest: it is no snapshot of this version, or its parts contradict each other.
    """
    if kept.get("format") != FORMAT or kept.get("version") != VERSION:
        raise InvalidRequest(
            f"/version: expected a snapshot of format {FORMAT}, version {VERSION}."
        )
    try:
        return _rebuilt(kept, api_key=api_key, made_at=made_at, laws=laws)
    except (ValueError, KeyError, TypeError, IndexError, OverflowError, AttributeError) as error:
        problem = (
            f"a part is missing: {error}" if isinstance(error, KeyError) else "its parts disagree"
        )
        raise InvalidRequest(
            f"/: expected a snapshot as GET world/snapshot gave it; {problem}."
        ) from error


def _rebuilt(kept: Mapping[str, Any], *, api_key: str, made_at: Instant, laws: Laws) -> World:
    limits = kept["rate_limit"]
    birth = Birth(
        api_key=api_key,
        seed=int(kept["seed"]),
        webhook_secret=str(kept["webhook_secret"]),
        frozen_at=None if kept["frozen_at"] is None else _instant(kept["frozen_at"], LAST),
        rate_limit=int(limits["default"]),
        made_at=made_at,
    )
    world = World(birth, laws)
    world.clock.restore(kept["clock"])
    world.ledger.restore(kept["ledger"])
    world.told_all()
    world.timeline.restore(**kept["timeline"])
    world.limiter.restore(limits)
    world.script.restore(kept["rules"])
    world.journal.restore(**kept["journal"])
    if kept["webhooks"] is None:
        world.webhooks = None
    else:
        _restore_webhooks(world, kept["webhooks"])
    payments = len(world.ledger.payments)
    for due, job in world.timeline.upcoming(10**9):
        _instant(due, 2 * LAST)
        if not isinstance(job, AttemptDelivery) and not 0 <= job.payment < payments:
            raise ValueError("a job is about a payment that is not there")
    _check_attempts(world)
    _check_money(world.ledger)
    return world


def _webhooks(world: World) -> dict[str, object] | None:
    if world.webhooks is None:
        return None
    from sandbox.engine import webhooks_at_rest  # noqa: PLC0415 - most worlds have none

    return webhooks_at_rest.snapshot(world.webhooks)


def _restore_webhooks(world: World, kept: dict[str, Any]) -> None:
    from sandbox.engine import webhooks_at_rest  # noqa: PLC0415 - as above

    world.webhooks = None  # without the endpoints that every world is made with
    webhooks_at_rest.restore(world.open_webhooks(), kept)


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


def _check_money(ledger: Ledger) -> None:
    """Hold what payments gave back against the refunds and chargebacks that took it."""
    taken: Counter[tuple[str, type]] = Counter()
    for number in range(ledger.events):
        event = ledger.any_event(number)
        if isinstance(event, Event) and (reversal := event.reversal) is not None:
            reason = str | None if isinstance(reversal, Refund) else str
            if not isinstance(reversal.reason, reason) or not reversal.amount:
                raise ValueError("a refund or a chargeback is none")
            if reversal.payment_id != event.payment_id:
                raise ValueError("an event does not tell of its refund or chargeback")
            taken[reversal.payment_id, type(reversal)] += reversal.amount
    for number in range(len(ledger.payments)):
        payment = ledger.payments.get(number)
        refunded, charged_back = taken[payment.id, Refund], taken[payment.id, Chargeback]
        if (payment.refunded, payment.charged_back) != (refunded, charged_back):
            raise ValueError("a payment has not given back what was taken from it")
