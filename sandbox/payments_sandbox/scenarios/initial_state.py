"""Owns the initial state of worlds: past payments, webhook endpoints, a rate limit."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import merge
from typing import Final, NamedTuple

from payments_sandbox.core.card_numbers import brand_of
from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.ids import PaymentId
from payments_sandbox.core.instants import EPOCH, LAST, Instant, read_duration, read_instant
from payments_sandbox.core.masking import mask_text
from payments_sandbox.core.slices import SLICE, Slices
from payments_sandbox.payments.cards import Card, stored_card
from payments_sandbox.payments.ledger import HistoricalPayment, Ledger, NewPayment
from payments_sandbox.payments.payment import Status
from payments_sandbox.rules.rule_engine import RuleEngine
from payments_sandbox.rules.scenario import Generated, Given, GivenPayment, Scenario
from payments_sandbox.webhooks.endpoint import Endpoint
from payments_sandbox.webhooks.endpoint_settings import apply_settings
from payments_sandbox.webhooks.target_policy import TargetPolicy
from payments_sandbox.world.world import SETTLED_AS_FAILED, World

_FAILURE: Final = {Status.FAILED: SETTLED_AS_FAILED}


class StartState(NamedTuple):
    """The initial state that scenarios describe, before it is made."""

    now: Instant
    payments: list[tuple[Instant, GivenPayment]]
    generated: tuple[tuple[int | None, Generated], ...]
    limits: tuple[Given, ...]
    endpoints: tuple[Mapping[str, object], ...] = ()

    def check_endpoints(self, world: World) -> None:
        """Check the webhook endpoints before anything is made.

        Raises:
            InvalidRequest: an endpoint has settings or an address that are not allowed.
        """
        for body in self.endpoints:
            endpoint = Endpoint(
                number=0, id="", url=str(body["url"]), secret=world.config.webhook_secret
            )
            apply_settings(endpoint, body, TargetPolicy(world.context.public_webhooks))

    def making_ledger(self, world: World, scenarios: Sequence[Scenario]) -> Slices[Ledger | None]:
        """Make a ledger with the payments, in the order of time, or return None if there are none.

        `scenarios` are those that will be active, since cards that their rules name are kept.
        """
        if not self.payments and not self.generated:
            return None
        yield
        rules = RuleEngine(world.config.seed, world.context.card_rules)
        rules.set_scenarios(scenarios)
        listed = (_historical_payment(rules, at, each) for at, each in self.payments)
        streams = [_generate(world, seed, each, self.now) for seed, each in self.generated]
        return (yield from fill_ledger(world, merge(listed, *streams, key=lambda past: past.at)))

    def open_endpoints(self, world: World) -> None:
        """Make the webhook endpoints."""
        for body in self.endpoints:
            webhooks = world.open_webhooks()
            endpoint = webhooks.new_endpoint(str(body["url"]))
            webhooks.put(
                apply_settings(endpoint, body, TargetPolicy(world.context.public_webhooks))
            )

    def set_rate_limit(self, world: World) -> None:
        """Set the rate limit."""
        for each in self.limits:
            world.limiter.turn(world.clock.now())
            world.limiter.set(limit=each.limit, remaining=each.remaining)


def fill_ledger(
    world: World, payments: Iterable[HistoricalPayment], first: int = 0
) -> Slices[Ledger]:
    """Make a ledger with past payments, whose events are not sent.

    Args:
        world: the world for which it is made.
        payments: the payments, in the order of time.
        first: the number of the first payment.
    """
    ledger = Ledger(world.config.seed, world.context.represent, first)
    for number, past in enumerate(payments):
        if number % SLICE == 0:
            yield
        if past.id is not None:
            ledger.payments.name(number, past.id)
        failure = _FAILURE.get(past.status)
        ledger.create(past.order, at=past.at, status=past.status, failure=failure)
    ledger.preexisting_events = ledger.events
    return ledger


def fill_world(world: World, wanted: Generated, seed: int | None = None) -> Slices[None]:
    """Add past payments to a world, in slices; it does not change before all of them are ready.

    They are the same that `given: {generate: …}` of a scenario makes from the same numbers. They
    are spread over the time before the world's now, or before what it already has, so that payments
    and events stay in the order of time.

    Args:
        world: the world; their events are not sent.
        wanted: how many payments.
        seed: the seed from which they are drawn; None stands for the world's.

    Raises:
        InvalidRequest: meanwhile it got older payments, or its clock was set back.
    """
    lowest, earliest = start_before = _start_of_ledger(world)
    is_empty = earliest == LAST
    until = min(world.clock.now(), earliest)
    payments = _generate(world, seed, wanted, until)
    past = yield from fill_ledger(world, payments, 0 if is_empty else lowest - wanted.payments)
    if _start_of_ledger(world) != start_before or world.clock.now() < until:
        raise InvalidRequest(
            "/: the world was reset, filled or first used in the meantime; try again."
        )
    if is_empty:
        world.replace_ledger(past)
    else:
        world.ledger.put_before(past)


def _start_of_ledger(world: World) -> tuple[int, Instant]:
    """The number of the world's first event, and its earliest instant."""
    return world.ledger.event_numbers.start, world.ledger.earliest


def plan_start(scenarios: Iterable[Scenario], *, now: Instant) -> StartState:
    """Plan the initial state of scenarios at an instant.

    Raises:
        InvalidRequest: a payment is later than the instant, or two have the same id.
    """
    given = [(each, each.given) for each in scenarios if each.given is not None]
    payments = [
        (_creation_instant(payment, now), payment)
        for _, state in given
        for payment in state.payments
    ]
    _check_ids(payment.id for _, payment in payments)
    payments.sort(key=lambda each: each[0])
    return StartState(
        now=now,
        payments=payments,
        generated=tuple((each.seed, state.generate) for each, state in given if state.generate),
        limits=tuple(
            state for _, state in given if state.limit is not None or state.remaining is not None
        ),
        endpoints=tuple(each for _, state in given for each in state.webhook_endpoints),
    )


def _check_ids(ids: Iterable[str | None]) -> None:
    seen: set[str] = set()
    for each in ids:
        if each is not None and each in seen:
            raise InvalidRequest(
                f"/: expected each payment once; '{each}' is given twice.", is_conflict=True
            )
        seen |= {each} if each is not None else set()


def _creation_instant(payment: GivenPayment, now: Instant) -> Instant:
    text = payment.created
    if text is None:
        return now
    if text.startswith("-"):
        return Instant(max(EPOCH, now - read_duration(text[1:])))
    created = read_instant(text)
    if created > now:
        raise InvalidRequest(
            f"/: expected past payments; one is created at {text}, after the world's current time.",
            is_conflict=True,
        )
    return created


def _historical_payment(rules: RuleEngine, at: Instant, payment: GivenPayment) -> HistoricalPayment:
    order = NewPayment(
        amount=payment.amount,
        currency=payment.currency,
        card=_card_of_number(rules, payment.card),
        description=None if payment.description is None else mask_text(payment.description),
        customer_id=None if payment.customer_id is None else mask_text(payment.customer_id),
    )
    return HistoricalPayment(
        at, order, payment.status, None if payment.id is None else PaymentId(payment.id)
    )


def _card_of_number(rules: RuleEngine, number: str) -> Card:
    brand = brand_of(number)
    if brand is None:
        raise ValueError("not a valid card number")
    return stored_card(number, brand, rules.named_cards)


def _generate(
    world: World, seed: int | None, wanted: Generated, now: Instant
) -> Iterator[HistoricalPayment]:
    from payments_sandbox.scenarios.generated_payments import generate_history  # noqa: PLC0415 - few worlds have some

    return generate_history(world.config.seed if seed is None else seed, wanted, now)
