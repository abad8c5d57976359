"""Owns the reading of `rules`: each by its trigger, with what it does."""

from typing import Final

from payments_sandbox.core.instants import read_duration
from payments_sandbox.rules.action import Action
from payments_sandbox.rules.actions import parse_action
from payments_sandbox.rules.matchers import parse_when
from payments_sandbox.rules.model import AtRule, EventRule, Per, RequestRule, Then
from payments_sandbox.rules.scenario import Rule
from payments_sandbox.rules.webhook_effects import (
    BodyFault,
    DeliveryOrder,
    Signature,
    WebhookEffects,
    WebhookRule,
)
from payments_sandbox.scenarios.parser.steps import parse_step
from payments_sandbox.scenarios.parser.values import Plain, delay, duration, items, shift

READS: Final = frozenset({"retrieve_payment", "list_payments"})
TRIGGERS: Final = ("request", "event", "webhook", "at")


def parse_rule(plain: Plain, position: int) -> Rule:
    """Parse one rule; without a name it is called after its position, counted from 0."""
    name = _name_of(plain, position)
    conditions = parse_when(plain.get("when"))
    per, chance = Per(plain.get("per", Per.WORLD)), plain.get("chance", 1.0)
    if "request" in plain:
        is_read = plain["request"] in READS
        steps = tuple(parse_step(each, is_read=is_read) for _, each in items(plain, "do"))
        then = Then(plain.get("then", Then.PASS))
        return RequestRule(name, plain["request"], conditions, steps, per, then, chance)
    if "event" in plain:
        after = duration(plain, "after") or 0
        return EventRule(name, plain["event"], conditions, after, _action(plain["do"]), per, chance)
    if "at" in plain:
        due = read_duration(plain["at"])
        return AtRule(name, due, conditions, _action(plain["do"]), per, chance)
    given = {plain["do"]: True} if isinstance(plain["do"], str) else plain["do"]
    effects, wait = _webhook_effects(given), delay(given.get("delay"))
    return WebhookRule(name, plain["webhook"], conditions, effects, per, chance, wait)


def _name_of(plain: Plain, position: int) -> str:
    """The rule's name, or one after its position."""
    return str(plain.get("name", f"rule-{position + 1}"))


def _action(plain: str | Plain) -> Action:
    """What an event rule or an `at` rule does; a word alone is a mapping of it to true."""
    return parse_action({plain: True} if isinstance(plain, str) else plain)


def _webhook_effects(given: Plain) -> WebhookEffects:
    """What a webhook rule does to deliveries, but for its delay."""
    duplicate, reorder = given.get("duplicate", {}), given.get("reorder", {})
    signature, malform = given.get("signature"), given.get("malform")
    return WebhookEffects(
        drop=given.get("drop", False),
        copies=duplicate.get("copies", 1),
        gap=duration(duplicate, "gap") or 0,
        window=duration(reorder, "window"),
        order=DeliveryOrder(reorder.get("order", DeliveryOrder.REVERSE)),
        before_reply=given.get("before_reply", False),
        signature=None if signature is None else Signature(signature),
        timestamp=shift(given["timestamp"]) if "timestamp" in given else 0,
        malform=None if malform is None else BodyFault(malform),
        patches=(given["patch"],) if "patch" in given else (),
        unknown_type=given.get("unknown_type", False),
    )
