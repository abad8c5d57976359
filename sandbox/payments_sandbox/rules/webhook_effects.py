"""Owns webhook rules, and what those that apply to one delivery come to together."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from payments_sandbox.rules.delays import Delay
from payments_sandbox.rules.model import Per, When


class Order(StrEnum):
    """In which order deliveries that were held go out."""

    REVERSE = "reverse"
    SHUFFLE = "shuffle"


class Signature(StrEnum):
    """How a signature is wrong."""

    WRONG_SECRET = "wrong_secret"  # noqa: S105 - the name of a fault
    MISSING = "missing"
    GARBLED = "garbled"
    PREVIOUS_SECRET = "previous_secret"  # noqa: S105 - the name of a fault


class BodyFault(StrEnum):
    """How the body of a delivery is wrong."""

    INVALID_JSON = "invalid_json"
    TRUNCATED = "truncated"
    WRONG_CONTENT_TYPE = "wrong_content_type"
    EMPTY = "empty"


class Modifiers(NamedTuple):
    """What one webhook rule does; the meaning of each is that of `Treatment`."""

    delay: Delay = 0
    drop: bool = False
    copies: int = 1
    gap: int = 0
    window: int | None = None
    order: Order = Order.REVERSE
    before_reply: bool = False
    signature: Signature | None = None
    timestamp: int = 0
    malform: BodyFault | None = None
    patch: Mapping[str, object] | None = None
    unknown_type: bool = False


class WebhookRule(NamedTuple):
    """Changes the deliveries of an event, or of a family of events such as `payment.*`."""

    name: str
    webhook: str
    when: When
    modifiers: Modifiers
    per: Per = Per.WORLD
    chance: float = 1.0


class Treatment(NamedTuple):
    """What happens to one attempt of one delivery.

    Attributes:
        rules: the names of the rules that contributed, in their order.
        delay: virtual milliseconds that it is sent later.
        drop: it is not sent at all.
        copies: the number of deliveries in all, with the same event id.
        gap: virtual milliseconds between two copies.
        window: virtual milliseconds for which deliveries are held to be sent in another `order`;
            None holds none.
        before_reply: it is sent, and answered, before the API call that caused it is.
        signature, malform: how it is wrong; None where it is right.
        timestamp: milliseconds by which the signed timestamp is off.
        patches: merge patches (RFC 7396) on the body, one after the other.
        unknown_type: the event's type is one that no documentation has.
    """

    rules: tuple[str, ...] = ()
    delay: int = 0
    drop: bool = False
    copies: int = 1
    gap: int = 0
    window: int | None = None
    order: Order = Order.REVERSE
    before_reply: bool = False
    signature: Signature | None = None
    timestamp: int = 0
    malform: BodyFault | None = None
    patches: tuple[Mapping[str, object], ...] = ()
    unknown_type: bool = False


UNTREATED: Final = Treatment()


def combined(parts: Iterable[tuple[WebhookRule, int]]) -> Treatment:
    """All rules together, each with its delay as drawn; where two contradict, the later wins."""
    found = UNTREATED
    for rule, delay in parts:
        more = rule.modifiers
        is_later_window = more.window is not None
        found = Treatment(
            rules=(*found.rules, rule.name),
            delay=found.delay + delay,
            drop=found.drop or more.drop,
            copies=max(found.copies, more.copies),
            gap=max(found.gap, more.gap),
            window=more.window if is_later_window else found.window,
            order=more.order if is_later_window else found.order,
            before_reply=found.before_reply or more.before_reply,
            signature=more.signature or found.signature,
            timestamp=more.timestamp or found.timestamp,
            malform=more.malform or found.malform,
            patches=found.patches if more.patch is None else (*found.patches, more.patch),
            unknown_type=found.unknown_type or more.unknown_type,
        )
    return found
