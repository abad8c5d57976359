"""Owns what webhook rules do to a delivery, and what several come to together."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple


class DeliveryOrder(StrEnum):
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


class WebhookEffects(NamedTuple):
    """What a webhook rule does to a delivery, or several rules together to one attempt of it.

    Attributes:
        rules: the names of the rules that contributed, in their order.
        delay: virtual milliseconds that it is sent later; of a rule 0, whose own `delay` may be a
            distribution.
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
    order: DeliveryOrder = DeliveryOrder.REVERSE
    before_reply: bool = False
    signature: Signature | None = None
    timestamp: int = 0
    malform: BodyFault | None = None
    patches: tuple[Mapping[str, object], ...] = ()
    unknown_type: bool = False


NO_EFFECTS: Final = WebhookEffects()


def combine_effects(parts: Iterable[tuple[str, WebhookEffects, int]]) -> WebhookEffects:
    """Merge what several rules do; where two contradict each other, the later one wins.

    Args:
        parts: in the order of their scenarios the name of each rule, what it does, and its delay
            as sampled, in ms.
    """
    found = NO_EFFECTS
    for rule, more, delay in parts:
        is_later_window = more.window is not None
        found = WebhookEffects(
            rules=(*found.rules, rule),
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
            patches=found.patches + more.patches,
            unknown_type=found.unknown_type or more.unknown_type,
        )
    return found
