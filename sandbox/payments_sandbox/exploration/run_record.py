"""Owns the record of one run: how its flow ended, and what happened in its worlds.

A run may use several worlds: that of its key, and those that it creates itself. A world is recorded
at the end of the run, and before it is dropped or reset. The record keeps no reference to it.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from payments_sandbox.core.masking import mask_text
from payments_sandbox.exploration.calls import NOBODY, CallName, names_of
from payments_sandbox.payments.payment import Status
from payments_sandbox.rules.scenario import Scenario
from payments_sandbox.server.change_notifier import ChangeNotifier
from payments_sandbox.server.judging import EVIDENCE, KeptReports
from payments_sandbox.verification.expectations.expectation import MAX_WAIT
from payments_sandbox.verification.findings.finding import Finding
from payments_sandbox.verification.observed import (
    Observed,
    ObservedCall,
    observe,
)
from payments_sandbox.verification.report import report
from payments_sandbox.verification.report_text import undocumented_in_words
from payments_sandbox.world.world import ResetScope, World


class FlowEnd(NamedTuple):
    """How a flow ended, as far as it shows that itself.

    Attributes:
        exit_code: 0 says that all went well for the user; 128 or more, that a signal ended it.
        output: the last lines of its output.
        crash: how it was recognised that it crashed; None if it did not.
        timed_out: whether it was stopped because it had run for too long.
        seconds: how long it ran.
    """

    exit_code: int
    output: str = ""
    crash: str | None = None
    timed_out: bool = False
    seconds: float = 0.0

    @property
    def reports_success(self) -> bool:
        """Whether it says that all went well."""
        return self.exit_code == 0 and not self.timed_out


class SeenCall(NamedTuple):
    """A call of the emulated API: what the flow saw of it, and what really happened.

    Attributes:
        operation: the operation.
        customer: the customer, or NOBODY.
        status: the status of the reply; None if there was no reply.
        code: the error code of the reply; "" if it was not an error.
        fault: the wire fault that replaced the reply, or None.
        committed: whether it took effect; None for a read.
        is_unknown: whether the flow cannot know whether it took effect.
        is_success: whether the flow got a 2xx reply.
        payment_id: the payment that it created, or that is in its path.
        about: the requested amount and currency; "" for reads.
    """

    operation: str
    customer: str
    status: int | None
    code: str
    fault: str | None
    committed: bool | None
    is_unknown: bool
    is_success: bool
    payment_id: str | None
    about: str = ""


class SeenWebhook(NamedTuple):
    """A delivery of an event; `is_copy` if the event was sent to the same endpoint before."""

    event: str
    customer: str
    payment_id: str | None
    is_delivered: bool
    is_copy: bool = False


class OrderName(NamedTuple):
    """What distinguishes orders in the ledger."""

    customer: str
    currency: str
    description: str | None


class Money(NamedTuple):
    """What was charged and refunded for an order, in minor units."""

    charged: int = 0
    refunded: int = 0

    @property
    def net(self) -> int:
        """The amount that was not refunded."""
        return self.charged - self.refunded


class WorldRecord(NamedTuple):
    """What happened in one world during a run.

    Attributes:
        calls, webhooks: the calls and webhooks, in order.
        money: the money of each order.
        audit: the findings of the audit.
        unmet: the unmet expectations of active scenarios, in words.
        fired: the rules that have answered or acted, each as `scenario/rule`.
        moved: how many virtual milliseconds its clock was moved, from the first move to the last.
        undocumented: the undocumented calls, in words, each once.
    """

    calls: tuple[SeenCall, ...]
    webhooks: tuple[SeenWebhook, ...]
    money: dict[OrderName, Money]
    audit: tuple[Finding, ...]
    unmet: tuple[str, ...]
    fired: frozenset[str]
    moved: int = 0
    undocumented: tuple[str, ...] = ()


class RunRecord(NamedTuple):
    """One run: how the flow ended, and its worlds in the order in which they were recorded."""

    end: FlowEnd
    worlds: tuple[WorldRecord, ...]

    def names(self, *, by_customer: bool = True) -> tuple[CallName, ...]:
        """The names of its calls and then of its webhooks, each once, in order."""
        found: dict[CallName, None] = {}
        for world in self.worlds:
            calls = [(each.operation, each.customer) for each in world.calls]
            webhooks = [(each.event, each.customer) for each in world.webhooks if not each.is_copy]
            found |= dict.fromkeys(names_of(calls, by_customer=by_customer))
            found |= dict.fromkeys(names_of(webhooks, by_customer=by_customer))
        return tuple(sorted(found, key=lambda name: name.is_webhook))

    def calls(self) -> Iterator[SeenCall]:
        """The calls of all worlds."""
        return (call for world in self.worlds for call in world.calls)

    def named_calls(self, *, by_customer: bool = True) -> Iterator[tuple[CallName, SeenCall]]:
        """The calls of all worlds with their names."""
        for world in self.worlds:
            seen = [(each.operation, each.customer) for each in world.calls]
            yield from zip(names_of(seen, by_customer=by_customer), world.calls, strict=True)

    def undocumented(self) -> tuple[str, ...]:
        """The undocumented calls of all worlds, in words, each once."""
        return tuple(dict.fromkeys(text for world in self.worlds for text in world.undocumented))

    def audit(self) -> Iterator[Finding]:
        """The findings of the audit in all worlds."""
        return (finding for world in self.worlds for finding in world.audit)

    def money(self) -> dict[OrderName, Money]:
        """The money of each order, in all worlds together."""
        return _added(item for world in self.worlds for item in world.money.items())

    def has_fired(self, rule: str) -> bool:
        """Whether a rule has answered or acted in any world."""
        return any(rule in world.fired for world in self.worlds)


def record_world(world: World) -> WorldRecord:
    """Record the present state of a world."""
    observed = observe(world)
    judged = report(observed)
    return WorldRecord(
        tuple(_seen_call(call) for call in observed.calls),
        tuple(_seen_webhooks(observed)),
        _added(_charges(world)),
        tuple(
            each for each in judged.findings if not set(each.requests) <= _sent_to_inboxes(observed)
        ),
        tuple(line.result.observed for line in judged.lines if not line.result.met),
        frozenset(f"{each['scenario']}/{each['rule']}" for each in judged.rules if each["fired"]),
        _moved(world),
        tuple(dict.fromkeys(undocumented_in_words(each._asdict()) for each in judged.undocumented)),
    )


def _moved(world: World) -> int:
    moves = world.clock.moves
    return moves[-1][1] - moves[0][0] if moves else 0


def _sent_to_inboxes(observed: Observed) -> set[str]:
    """The ids of deliveries to built-in receivers, which accept anything, unlike the flow."""
    webhooks = observed.world.webhooks
    endpoints = {} if webhooks is None else webhooks.outbox.endpoints
    inboxes = {each.id for each in endpoints.values() if each.inbox is not None}
    return {each.id for each in observed.deliveries if each.endpoint_id in inboxes}


def _added(items: Iterable[tuple[OrderName, Money]]) -> dict[OrderName, Money]:
    charged: Counter[OrderName] = Counter()
    refunded: Counter[OrderName] = Counter()
    for order, money in items:
        charged[order] += money.charged
        refunded[order] += money.refunded
    return {order: Money(charged[order], refunded[order]) for order in charged}


def _charges(world: World) -> Iterator[tuple[OrderName, Money]]:
    payments = world.ledger.payments
    for payment in map(payments.get, payments.numbers):
        if payment.status is not Status.FAILED:
            customer, text = payment.customer_id or NOBODY, payment.description
            text = None if text is None else mask_text(text)
            order = OrderName(mask_text(customer), payment.currency, text)
            yield order, Money(payment.amount, payment.refunded)


def _seen_call(call: ObservedCall) -> SeenCall:
    entry, customer = call.entry, call.fields.get("customer_id")
    return SeenCall(
        operation=str(entry.operation),
        customer=customer if isinstance(customer, str) else NOBODY,
        status=entry.status,
        code=call.code,
        fault=entry.fault,
        committed=entry.committed,
        is_unknown=call.outcome_unknown,
        is_success=call.is_success,
        payment_id=entry.made or call.payment_id,
        about=_about(call),
    )


def _about(call: ObservedCall) -> str:
    if call.entry.operation not in {"create_payment", "create_refund"}:
        return ""
    amount = call.fields.get("amount")
    return "" if amount is None else f"{amount} {call.fields.get('currency')}"


def _seen_webhooks(observed: Observed) -> Iterator[SeenWebhook]:
    seen: set[tuple[str, str]] = set()
    for delivery in observed.deliveries:
        payment = observed.world.ledger.payments.find(delivery.payment_id or "")
        customer = None if payment is None else payment.customer_id
        sent_to = delivery.event_id, delivery.endpoint_id
        yield SeenWebhook(
            delivery.type,
            customer or NOBODY,
            delivery.payment_id,
            delivery.is_delivered,
            is_copy=sent_to in seen,
        )
        seen.add(sent_to)


class RecordedWorlds(KeptReports):
    """Records the worlds of one server, as its `runtime.reports`."""

    def __init__(self, notifier: ChangeNotifier) -> None:
        super().__init__(notifier)
        self._records: list[WorldRecord] = []

    def dropped(self, world: World, reason: str) -> None:  # noqa: ARG002 - as in the base class
        """Record a dropped world, if it was used."""
        self._record(world)

    async def before_reset(self, world: World, scopes: Collection[ResetScope]) -> None:
        """Record a world before a reset removes what was seen in it."""
        if not EVIDENCE.isdisjoint(scopes):
            await self.settle(world)
            self._record(world)

    async def before_scenarios_end(self, world: World, leaving: Iterable[Scenario]) -> None:
        """Record nothing, since the world continues."""

    async def recorded(self, worlds: Iterable[World]) -> tuple[WorldRecord, ...]:
        """Wait for the expectations of the remaining worlds, and return all records."""
        for world in worlds:
            await self.settle(world, MAX_WAIT)
            self._record(world)
        return tuple(self._records)

    def _record(self, world: World) -> None:
        if world.was_used:
            self._records.append(record_world(world))


def call_by_call(record: RunRecord) -> tuple[str, ...]:
    """Describe a run line by line: its calls, its webhooks, and how its command ended."""
    calls = tuple(_call_text(call) for call in record.calls())
    return (*calls, *_webhooks(record), _ending(record), *_last_error_lines(record))


def _call_text(call: SeenCall) -> str:
    of = f" of {call.about}" if call.about else ""
    whose = f" for {call.customer}" if call.customer else ""
    return f"{call.operation}{of}{whose}: {_outcome(call)}"


def _outcome(call: SeenCall) -> str:
    has_happened = "it took effect" if call.committed else "nothing happened"
    after = f", {has_happened}" if call.committed is not None else ""
    if call.status is None:
        return f"no reply ({call.fault}){after}"
    if call.fault is not None:
        return f"a damaged reply ({call.fault}){after}"
    if call.code:
        return f"{call.status} {call.code}{after if call.is_unknown else ''}"
    return str(call.status)


def _webhooks(record: RunRecord) -> Iterator[str]:
    """Describe the webhooks, but not whether they were accepted, which may depend on timing."""
    for world in record.worlds:
        for webhook in world.webhooks:
            whose = f" for {webhook.customer}" if webhook.customer else ""
            yield f"webhook {webhook.event}{whose}"


def _ending(record: RunRecord) -> str:
    end = record.end
    if end.timed_out:
        return "the command was ended at its timeout"
    return f"the command: {end.crash or f'exit status {end.exit_code}'}"


def _last_error_lines(record: RunRecord) -> Iterator[str]:
    """Yield the last line of a crashed command's output, in which a trace usually has the error."""
    if record.end.crash is not None:
        yield from (f"its last line: {line}" for line in record.end.output.splitlines()[-1:])
