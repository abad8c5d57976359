"""Owns what webhook rules do to a delivery, and how the effects of several combine."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple


class DeliveryOrder(StrEnum):
    """The order in which held deliveries are sent."""

    REVERSE = "reverse"
    SHUFFLE = "shuffle"


class Signature(StrEnum):
    """The ways in which a signature can be wrong."""

    WRONG_SECRET = "wrong_secret"  # noqa: S105 - the name of a fault
    MISSING = "missing"
    GARBLED = "garbled"
    PREVIOUS_SECRET = "previous_secret"  # noqa: S105 - the name of a fault


class BodyFault(StrEnum):
    """The ways in which the body of a delivery can be wrong."""

    INVALID_JSON = "invalid_json"
    TRUNCATED = "truncated"
    WRONG_CONTENT_TYPE = "wrong_content_type"
    EMPTY = "empty"


class WebhookEffects(NamedTuple):
    """What one webhook rule does to a delivery, or several rules to one attempt of it.

    Attributes:
        dropped_by: the names of the rules that drop it, in order; empty for a single rule.
        delay: virtual milliseconds by which it is sent later; 0 for a single rule, whose own
            `delay` may be a distribution.
        drop: whether it is not sent at all.
        copies: the total number of deliveries with the same event id.
        gap: virtual milliseconds between two copies.
        window: virtual milliseconds for which deliveries are held, to be sent in another `order`;
            None holds none.
        before_reply: whether it is sent, and answered, before the reply to the call that caused it.
        signature, malform: how they are wrong; None if they are correct.
        timestamp: milliseconds by which the signed timestamp is wrong.
        patches: merge patches (RFC 7396) on the body, applied in order.
        unknown_type: whether the event gets an undocumented type.
    """

    dropped_by: tuple[str, ...] = ()
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
    """Combine the effects of several rules; if two conflict, the later one wins.

    Args:
        parts: for each rule, in order: its name, its effects, and its sampled delay in ms.
    """
    found = NO_EFFECTS
    for rule, more, delay in parts:
        is_later_window = more.window is not None
        found = WebhookEffects(
            dropped_by=(*found.dropped_by, *([rule] if more.drop else [])),
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
