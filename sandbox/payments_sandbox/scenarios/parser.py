"""Owns the parsing of a scenario's plain values, whose shape the schema accepts, into the model."""

from collections.abc import Iterator
from typing import Any, Final

from payments_sandbox.contract.operations import READS
from payments_sandbox.core.instants import DAY, read_duration, read_instant
from payments_sandbox.payments.payment import Status
from payments_sandbox.rules.action import Action
from payments_sandbox.rules.actions import parse_action
from payments_sandbox.rules.conditions import CARD_NUMBERS, parse_when
from payments_sandbox.rules.delays import Delay, Distribution, Lognormal, Normal, Uniform
from payments_sandbox.rules.model import AtRule, EventRule, Per, RequestRule, Step, Then
from payments_sandbox.rules.outcomes import OUTCOMES, Pass
from payments_sandbox.rules.scenario import (
    Generated,
    Given,
    GivenPayment,
    Rule,
    Scenario,
    WebhookRule,
)
from payments_sandbox.rules.schema_parts import Json
from payments_sandbox.rules.step_outcome import Outcome
from payments_sandbox.rules.webhook_effects import (
    BodyFault,
    DeliveryOrder,
    Signature,
    WebhookEffects,
)
from payments_sandbox.verification.expectations import parse_expectation

TRIGGERS: Final = ("request", "event", "webhook", "at")

_PAYMENTS_PER_CUSTOMER: Final = 10
"""The ratio if the number of customers is not given."""

_OVER: Final = 30 * DAY
_CARD: Final = "visa_2"


def parse_scenario(plain: Json) -> Scenario:
    """Parse a scenario in which neither the schema nor the lint has found a problem."""
    clock = plain.get("clock")
    return Scenario(
        name=plain["scenario"],
        source=plain,
        about=plain.get("about", ""),
        tags=tuple(plain.get("tags", ())),
        seed=plain.get("seed"),
        clock=None if clock is None else read_instant(clock),
        given=parse_given(plain["given"]) if "given" in plain else None,
        rules=tuple(parse_rule(each, n) for n, each in items(plain, "rules")),
        expectations=tuple(parse_expectation(each) for _, each in items(plain, "expect")),
    )


# What is given


def parse_given(plain: Json) -> Given:
    """Parse the initial state."""
    limits = plain.get("rate_limit", {})
    return Given(
        payments=tuple(_given_payment(each) for _, each in items(plain, "payments")),
        generate=parse_generated(plain["generate"]) if "generate" in plain else None,
        webhook_endpoints=tuple(each for _, each in items(plain, "webhook_endpoints")),
        limit=limits.get("limit"),
        remaining=limits.get("remaining"),
    )


def _given_payment(plain: Json) -> GivenPayment:
    card = str(plain.get("card", _CARD))
    return GivenPayment(
        amount=plain["amount"],
        currency=plain["currency"],
        id=plain.get("id"),
        customer_id=plain.get("customer_id"),
        description=plain.get("description"),
        status=Status(plain.get("status", Status.COMPLETED)),
        created=plain.get("created"),
        card=CARD_NUMBERS.get(card, card),
    )


def parse_generated(plain: Json) -> Generated:
    """Parse how many payments to generate: by default ten per customer, over thirty days."""
    payments: int = plain["payments"]
    customers = plain.get("customers", max(1, payments // _PAYMENTS_PER_CUSTOMER))
    return Generated(payments, customers, _duration(plain, "over") or _OVER)


# Rules


def parse_rule(plain: Json, position: int) -> Rule:
    """Parse a rule; without a name it is named after its position, which counts from 0."""
    name = str(plain.get("name", f"rule-{position + 1}"))
    conditions = parse_when(plain.get("when"))
    per, chance = Per(plain.get("per", Per.WORLD)), plain.get("chance", 1.0)
    if "request" in plain:
        is_read = plain["request"] in READS
        steps = tuple(parse_step(each, is_read=is_read) for _, each in items(plain, "do"))
        then = Then(plain.get("then", Then.PASS))
        return RequestRule(name, plain["request"], conditions, steps, per, then, chance)
    if "event" in plain:
        after = _duration(plain, "after") or 0
        return EventRule(name, plain["event"], conditions, after, _action(plain["do"]), per, chance)
    if "at" in plain:
        due = read_duration(plain["at"])
        return AtRule(name, due, conditions, _action(plain["do"]), per, chance)
    modifiers = {plain["do"]: True} if isinstance(plain["do"], str) else plain["do"]
    effects, delay = _webhook_effects(modifiers), _delay(modifiers.get("delay"))
    return WebhookRule(name, plain["webhook"], conditions, effects, per, chance, delay)


def parse_step(plain: str | Json, *, is_read: bool) -> Step:
    """Parse a step; for a read, which changes nothing, `commit` is true."""
    if isinstance(plain, str):
        return Step()
    kind = next((each for each in OUTCOMES if each.name in plain), Pass)
    outcome: Outcome = kind.parse_step(plain, is_read=is_read)
    return Step(outcome, _delay(plain.get("delay")), plain.get("times", 1))


def _action(plain: str | Json) -> Action:
    """Parse an action; a single word stands for a mapping of that word to true."""
    return parse_action({plain: True} if isinstance(plain, str) else plain)


def _webhook_effects(modifiers: Json) -> WebhookEffects:
    """Parse the effects of a webhook rule, except its delay."""
    duplicate, reorder = modifiers.get("duplicate", {}), modifiers.get("reorder", {})
    signature, malform = modifiers.get("signature"), modifiers.get("malform")
    return WebhookEffects(
        drop=modifiers.get("drop", False),
        copies=duplicate.get("copies", 1),
        gap=_duration(duplicate, "gap") or 0,
        window=_duration(reorder, "window"),
        order=DeliveryOrder(reorder.get("order", DeliveryOrder.REVERSE)),
        before_reply=modifiers.get("before_reply", False),
        signature=None if signature is None else Signature(signature),
        timestamp=_shift(modifiers["timestamp"]) if "timestamp" in modifiers else 0,
        malform=None if malform is None else BodyFault(malform),
        patches=(modifiers["patch"],) if "patch" in modifiers else (),
        unknown_type=modifiers.get("unknown_type", False),
    )


# Values


def items(plain: Json, key: str) -> Iterator[tuple[int, Any]]:
    """Yield the items of a list with their positions, without the gaps of `drop_invalid_parts`."""
    for position, item in enumerate(plain.get(key, ())):
        if item is not None:
            yield position, item


def _duration(plain: Json, key: str) -> int | None:
    """The milliseconds of an optional duration."""
    text = plain.get(key)
    return None if text is None else read_duration(text)


def _shift(text: str) -> int:
    """The milliseconds of a duration with a sign."""
    sign = -1 if text.startswith("-") else 1
    return sign * read_duration(text.lstrip("+-"))


def _delay(value: object) -> Delay:
    """Parse a duration or a distribution; None stands for no delay."""
    match value:
        case None:
            return 0
        case str():
            return read_duration(value)
        case _:
            return _distribution(dict[str, Any](value))  # type: ignore[call-overload]  # a mapping of JSON


def _distribution(plain: Json) -> Distribution:
    cap = _duration(plain, "cap")
    if "uniform" in plain:
        low, high = map(read_duration, plain["uniform"])
        return Uniform(low, high, cap)
    if "normal" in plain:
        normal = plain["normal"]
        return Normal(read_duration(normal["mean"]), read_duration(normal["sd"]), cap)
    lognormal = plain["lognormal"]
    return Lognormal(read_duration(lognormal["median"]), read_duration(lognormal["p99"]), cap)
