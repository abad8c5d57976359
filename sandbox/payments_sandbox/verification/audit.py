"""Owns the audit: what a real ledger, or a real receiver, would not forgive a client.

It judges what was seen, not what was meant: without idempotency keys nobody can tell two equal
orders from one that was sent twice, so it says "possible".
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Final, NamedTuple

from payments_sandbox.core.instants import LAST, MINUTE, SECOND
from payments_sandbox.payments.events import EventType
from payments_sandbox.verification.observed_calls import CallSeen, calls_seen
from payments_sandbox.verification.observed_deliveries import AttemptSeen, Deliveries, DeliverySeen
from payments_sandbox.world.world import World


class Kind(StrEnum):
    """What the audit can find."""

    POSSIBLE_DOUBLE_CHARGE = "possible_double_charge"
    BLIND_RETRY = "blind_retry"
    IGNORED_RATE_LIMIT = "ignored_rate_limit"
    CARD_NUMBER_LEAK = "card_number_leak"
    FORGED_DELIVERY_ACCEPTED = "forged_delivery_accepted"
    STALE_DELIVERY_ACCEPTED = "stale_delivery_accepted"
    DUPLICATE_HANDLED_TWICE = "duplicate_handled_twice"
    PAGING_IGNORED = "paging_ignored"
    POLLING_TOO_FAST = "polling_too_fast"


ADVICE: Final = {
    Kind.POSSIBLE_DOUBLE_CHARGE: (
        "Before a payment is made again, list the customer's payments of that time, and look for"
        " one of the same amount."
    ),
    Kind.BLIND_RETRY: (
        "List the customer's payments first (customer_id and created_after, which is strictly"
        " after whole seconds): the payment may be there although its reply was not."
    ),
    Kind.IGNORED_RATE_LIMIT: (
        "After a 429, wait until X-RateLimit-Reset: it is an instant in epoch seconds, not a"
        " number of seconds."
    ),
    Kind.CARD_NUMBER_LEAK: "Card numbers belong into payment_method and nowhere else.",
    Kind.FORGED_DELIVERY_ACCEPTED: (
        "Verify the signature of the raw body before anything else, and answer 4xx when it is"
        " missing or wrong."
    ),
    Kind.STALE_DELIVERY_ACCEPTED: (
        "Refuse deliveries whose signed timestamp is more than five minutes off, or they can be"
        " replayed."
    ),
    Kind.DUPLICATE_HANDLED_TWICE: (
        "Deliveries come more than once: remember the event's id, and do nothing the second time."
    ),
    Kind.PAGING_IGNORED: (
        "While has_more is true there is more: ask again with starting_after=next_cursor."
    ),
    Kind.POLLING_TOO_FAST: "Ask at most once a second, or let a webhook tell you.",
}

SAME: Final = 10 * MINUTE
"""Within this, equal payments are taken for one that was sent twice; in virtual time."""

POLLS: Final = 3
"""So many reads of the same thing in a row are polling."""


class Finding(NamedTuple):
    """One thing that is found; `requests` are the ids of the requests or deliveries behind it."""

    kind: Kind
    message: str
    requests: tuple[str, ...]

    def shown(self) -> dict[str, object]:
        """As the control API lists it."""
        return {
            "kind": self.kind.value,
            "message": self.message,
            "advice": ADVICE[self.kind],
            "requests": list(self.requests),
        }


Calls = Sequence[CallSeen]


def audit(world: World, deliveries: Deliveries) -> list[Finding]:
    """Everything that is found, by kind and then in the order it happened."""
    calls = list(calls_seen(world))
    sent = list(deliveries())
    found: list[Finding] = []
    for look in _AT_CALLS:
        found += look(calls)
    for kind, what, is_bad in _AT_ATTEMPTS:
        found += _accepted(sent, kind, what, is_bad)
    found += _handled_twice(sent, calls)
    return sorted(found, key=lambda each: list(Kind).index(each.kind))


def shown_audit(findings: Iterable[Finding]) -> dict[str, object]:
    """The audit as the control API shows it."""
    listed = [each.shown() for each in findings]
    return {"clean": not listed, "findings": listed}


def _creates(calls: Calls) -> dict[tuple[str, ...], list[CallSeen]]:
    """The calls of create_payment, those together that look like one."""
    groups: dict[tuple[str, ...], list[CallSeen]] = defaultdict(list)
    for call in calls:
        if call.entry.operation == "create_payment":
            groups[call.likeness].append(call)
    return groups


def _double_charges(calls: Calls) -> Iterator[Finding]:
    """Payments that were made again after their reply was lost."""
    for alike in _creates(calls).values():
        chain: list[CallSeen] = []
        for call in (call for call in alike if call.entry.committed):
            if chain and not _is_repeated(chain[-1], call):
                yield from _charged(chain)
                chain = []
            chain.append(call)
        yield from _charged(chain)


def _is_repeated(before: CallSeen, call: CallSeen) -> bool:
    return before.is_lost and call.entry.at - before.entry.at <= SAME


def _charged(chain: Sequence[CallSeen]) -> Iterator[Finding]:
    if len(chain) > 1:
        message = f"{_order_of(chain[0])} may have been charged {len(chain)} times."
        yield Finding(Kind.POSSIBLE_DOUBLE_CHARGE, message, _ids(chain))


def _blind_retries(calls: Calls) -> Iterator[Finding]:
    """Payments that were tried again without a look at what is there."""
    places = {call.id: place for place, call in enumerate(calls)}
    for alike in _creates(calls).values():
        blind = [
            call
            for before, call in pairwise(alike)
            if before.is_lost and not _has_looked(calls[places[before.id] : places[call.id]])
        ]
        if blind:
            first = alike[0]
            message = f"{_order_of(first)} was sent again although nobody had looked for it"
            yield Finding(Kind.BLIND_RETRY, f"{message}.", (first.id, *_ids(blind)))


def _has_looked(between: Calls) -> bool:
    return any(call.entry.operation == "list_payments" and call.is_success for call in between)


def _ignored_limits(calls: Calls) -> Iterator[Finding]:
    """Calls that were refused, and made again before the limit was back."""
    limited: CallSeen | None = None
    early: list[CallSeen] = []
    for call in calls:
        if call.entry.status != _TOO_MANY:
            limited = None
        elif limited is None:
            limited = call
        elif _is_early(call, limited):
            early = [*(early or [limited]), call]
    if early:
        count = len(early) - 1
        message = (
            f"{count} call{'s' if count > 1 else ''} came back before the rate limit was reset."
        )
        yield Finding(Kind.IGNORED_RATE_LIMIT, message, _ids(early))


_TOO_MANY: Final = 429


def _is_early(call: CallSeen, limited: CallSeen) -> bool:
    """Whether the client had seen the refusal, and has not waited, on either clock, for its end."""
    first = limited.entry
    reset = int(first.reply_headers.get("X-RateLimit-Reset", "0")) * SECOND
    # The wall is read in whole milliseconds: what came after the reply may have come in the same.
    has_seen = call.entry.wall >= first.wall + int(first.duration_ms or 0)
    has_waited = call.entry.at >= reset or call.entry.wall - first.wall >= reset - first.at
    return has_seen and not has_waited


def _leaks(calls: Calls) -> Iterator[Finding]:
    """Card numbers where text belongs."""
    if leaked := [call for call in calls if call.entry.leaked]:
        message = "A card number was sent as description, reason or customer_id."
        yield Finding(Kind.CARD_NUMBER_LEAK, message, _ids(leaked))


def _ignored_pages(calls: Calls) -> Iterator[Finding]:
    """Lists that were left in the middle."""
    lists = [call for call in calls if call.entry.operation == "list_payments"]
    asked = {call.fields.query.get("starting_after") for call in lists}
    left = [
        call
        for call in lists
        if call.is_success and call.reply.get("has_more") is True
        if call.reply.get("next_cursor") not in asked
    ]
    if left:
        message = "A list had more, and its cursor was not followed."
        yield Finding(Kind.PAGING_IGNORED, message, _ids(left))


def _fast_polls(calls: Calls) -> Iterator[Finding]:
    """The same thing read again and again without a pause."""
    reads: dict[str, list[CallSeen]] = defaultdict(list)
    for call in calls:
        if call.entry.method == "GET":
            reads[call.target].append(call)
    for target, same in reads.items():
        hasty = [call for before, call in pairwise(same) if _is_hasty(before, call)]
        if len(hasty) >= POLLS - 1:
            message = (
                f"{target[:100]} was read {len(hasty) + 1} times with less than a second between."
            )
            yield Finding(Kind.POLLING_TOO_FAST, message, (same[0].id, *_ids(hasty)))


def _is_hasty(before: CallSeen, call: CallSeen) -> bool:
    """Whether there was an answer, and less than a second on both clocks to think about it."""
    on_the_wall = call.entry.wall - before.entry.wall
    in_the_world = call.entry.at - before.entry.at
    return not before.is_lost and max(on_the_wall, in_the_world) < SECOND


def _accepted(
    sent: Iterable[DeliverySeen], kind: Kind, what: str, is_bad: Callable[[AttemptSeen], bool]
) -> Iterator[Finding]:
    """Deliveries that a careful receiver would have refused."""
    taken = [
        each.id for each in sent if any(is_bad(one) and one.is_accepted for one in each.attempts)
    ]
    if taken:
        yield Finding(kind, f"A {what} delivery was answered with a 2xx.", tuple(taken))


def _handled_twice(sent: Iterable[DeliverySeen], calls: Calls) -> Iterator[Finding]:
    """Another refund after another delivery of the same event."""
    taken: dict[tuple[str, str], list[tuple[int, DeliverySeen]]] = defaultdict(list)
    for each in sent:
        # A refund before and a refund after is what events of refunds are about.
        for attempt in each.attempts if each.type != EventType.REFUND_CREATED else ():
            if attempt.is_accepted:
                taken[each.event_id, each.endpoint_id].append((attempt.sent_at, each))
    for accepted in taken.values():
        handled = list(_refunded(sorted(accepted, key=lambda each: each[0]), calls))
        if len(handled) > 1:
            times = "twice" if len(handled) == 2 else f"{len(handled)} times"  # noqa: PLR2004 - a word
            event = handled[0][0].event_id
            message = f"{event} was handled {times}: a refund was made each time."
            ids = dict.fromkeys(each.id for pair in handled for each in pair)
            yield Finding(Kind.DUPLICATE_HANDLED_TWICE, message, tuple(ids))


def _refunded(
    accepted: Sequence[tuple[int, DeliverySeen]], calls: Calls
) -> Iterator[tuple[DeliverySeen, CallSeen]]:
    """Each delivery after which, and before the next, its payment was refunded; with that call."""
    ends = [*(at for at, _ in accepted[1:]), LAST]
    for (start, each), end in zip(accepted, ends, strict=True):
        for call in calls:
            if start <= call.entry.wall < end and _is_refund(call, each.payment_id):
                yield each, call
                break


def _is_refund(call: CallSeen, payment_id: str | None) -> bool:
    is_made = call.entry.operation == "create_refund" and call.entry.committed is True
    return is_made and call.payment_id == payment_id


def _order_of(call: CallSeen) -> str:
    customer = call.get("customer_id")
    whose = "" if customer is None else f" for {customer}"
    return f"The payment of {call.get('amount')} {call.get('currency')}{whose}"


def _ids(calls: Iterable[CallSeen]) -> tuple[str, ...]:
    return tuple(call.id for call in calls)


_AT_CALLS: Final = (
    _double_charges, _blind_retries, _ignored_limits, _leaks, _ignored_pages, _fast_polls,
)  # fmt: skip
_AT_ATTEMPTS: Final[tuple[tuple[Kind, str, Callable[[AttemptSeen], bool]], ...]] = (
    (Kind.FORGED_DELIVERY_ACCEPTED, "forged", lambda one: one.is_forged),
    (Kind.STALE_DELIVERY_ACCEPTED, "stale", lambda one: one.is_stale),
)
