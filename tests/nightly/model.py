"""Owns the model with which the simulation compares a server: what the documentation says.

It is written from the documentation, shares no code with the package, and knows only what a client
can see of a world. Times are whole seconds of the world's clock.

1. Each method is one request. It returns the expected status or the name of a wire fault.
2. What happens later is a `Timer`. Timers of the same time fire in the order of their tickets.
3. `deliver` attempts all deliveries that are due. A receiver's answer depends only on endpoint,
   time, type and amount, so `posts` are exactly the requests that receivers must have got.
4. A snapshot is a copy of the model by `copy.deepcopy`.
"""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Final

HOUR: Final = 3_600
DAY: Final = 24 * HOUR
RETRIES: Final = (5, 300, 1_800, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
"""Seconds between attempts; after the last one a delivery has failed."""

LIMIT: Final = 1_000
DECLINED: Final = {"declined": "card_declined", "lost_card": "lost_card"}
_WITHOUT_REPLY: Final = {"reset": "drop", "timeout": "hang"}
_WEBHOOKS: Final = frozenset({"delay", "reorder", "duplicate", "lose"})
_CALLS: Final = frozenset({"drop", "truncate", "error", "settle"})

Result = int | str
"""The status of a reply, or the name of the wire fault that replaces it."""

Post = tuple[int, int, str, int, int]
"""What a receiver got: the endpoint, the time, and the event's type, payment and amount."""


@dataclass
class Payment:
    """A payment as the control API shows it; the rule `reads` settles it."""

    amount: int
    customer: str | None
    card: str
    created: int
    status: str
    failure: str | None = None
    refunded: int = 0
    charged_back: int = 0
    reads: int = 0

    @property
    def left(self) -> int:
        """The amount that was neither refunded nor charged back."""
        return self.amount - self.refunded - self.charged_back


@dataclass(frozen=True)
class Event:
    """Something that has happened to a payment (by its number), or that was sent by hand."""

    type: str
    payment: int
    amount: int
    is_by_hand: bool = False


@dataclass
class Endpoint:
    """A webhook endpoint."""

    events: str
    retries: tuple[int, ...]
    enabled: bool = True
    held_until: int = -1

    def wants(self, type_: str) -> bool:
        """Whether it subscribes to events of this type."""
        return self.events in ("*", type_, type_.partition(".")[0] + ".*")


@dataclass
class Delivery:
    """One event for one endpoint, both by their numbers; `rule` applies to it."""

    event: int
    endpoint: int
    is_resend: bool = False
    rule: str = ""
    status: str = "pending"
    attempts: int = 0


@dataclass(order=True)
class Timer:
    """Something due for a payment or a delivery, by its number; `rule` has planned it."""

    due: int
    ticket: int
    what: str = field(compare=False)
    about: int = field(compare=False)
    rule: str = field(compare=False, default="")


@dataclass
class Rule:
    """The only rule of the active scenario, and how many more calls it answers."""

    scenario: str
    effect: str
    operation: str = ""
    commit: bool = False
    times: int = 1
    left: int = 1


@dataclass
class Model:
    """One world; `answer_of` is an endpoint's answer to a type and an amount at a time."""

    start: int
    answer_of: Callable[[int, int, str, int], int] = field(repr=False)
    now: int = 0
    limit: int = LIMIT
    used: int = 0
    hour: int = -1
    latest: int = 0
    payments: list[Payment] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    endpoints: dict[int, Endpoint] = field(default_factory=dict)
    endpoints_made: int = 0
    deliveries: list[Delivery] = field(default_factory=list)
    due: list[int] = field(default_factory=list)
    timers: list[Timer] = field(default_factory=list)
    tickets: int = 0
    journal: list[tuple[str, Result]] = field(default_factory=list)
    twice: Counter[str | None] = field(default_factory=Counter)
    rule: Rule | None = None
    posts: Counter[Post] = field(default_factory=Counter)
    happened: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.now = self.start

    @property
    def remaining(self) -> int:
        """How many requests remain in this hour."""
        return max(0, self.limit - self.used)

    # The emulated API

    def create(self, card: str, amount: int, customer: str | None) -> Result:
        """CREATE PAYMENT."""
        return self._call("create_payment", lambda rule: self._create(card, amount, customer, rule))

    def retrieve(self, payment: int | None) -> Result:
        """RETRIEVE PAYMENT; None is a payment that does not exist."""
        return self._call("retrieve_payment", lambda _: self._retrieve(payment))

    def list(self) -> Result:
        """LIST PAYMENTS."""
        return self._call("list_payments", lambda _: 200)

    def refund(self, payment: int | None, amount: int | None) -> Result:
        """REFUND PAYMENT."""
        return self._call("create_refund", lambda _: self._refund(payment, amount))

    def _call(self, operation: str, perform: Callable[[Rule | None], Result]) -> Result:
        """Count a request, answer it by the scenario's rule or the API, and log it."""
        result = self._answered(operation, perform) if self._take() else 429
        self.journal.append((operation, result))
        return result

    def _take(self) -> bool:
        if self.now // HOUR != self.hour:
            self.hour, self.used = self.now // HOUR, 0
        if self.used >= self.limit:
            return False
        self.used += 1
        return True

    def _answered(self, operation: str, perform: Callable[[Rule | None], Result]) -> Result:
        rule = self.rule
        if rule is None or rule.effect not in _CALLS or not rule.left:
            return perform(None)
        if rule.operation not in ("*", operation):
            return perform(None)
        rule.left -= 1
        if rule.effect == "settle":
            return perform(rule)
        if rule.commit:
            perform(None)
        return 500 if rule.effect == "error" else rule.effect

    def _create(self, card: str, amount: int, customer: str | None, rule: Rule | None) -> Result:
        if card == "invalid":
            return 400
        if rule is not None:
            self._make(card, amount, customer, "pending")
            self._plan_settlement(rule)
            return 201
        if card == "rate_limited":
            self.used = self.limit
            return 429
        if card == "fails_twice":
            self.twice[customer] += 1
        if card in ("error", "reset", "timeout") or (
            card == "fails_twice" and self.twice[customer] <= 2
        ):
            return _WITHOUT_REPLY.get(card, 500)
        return self._made_by_card(card, amount, customer)

    def _made_by_card(self, card: str, amount: int, customer: str | None) -> Result:
        number = len(self.payments)
        if card in DECLINED:
            self._make(card, amount, customer, "failed")
            return 400
        if card in ("completes", "fails", "waits"):
            self._make(card, amount, customer, "pending")
            if card != "waits":
                self._plan(self.now + HOUR, card, number)
            return 201
        self._make(card, amount, customer, "completed")
        if card.endswith("_after_commit"):
            return _WITHOUT_REPLY.get(card.removesuffix("_after_commit"), 500)
        return 201

    def _make(self, card: str, amount: int, customer: str | None, status: str) -> None:
        number, failure = len(self.payments), DECLINED.get(card) if status == "failed" else None
        self.payments.append(Payment(amount, customer, card, self.now, status, failure))
        self.latest = self.now
        if status != "pending":
            self._tell(Event(f"payment.{status}", number, amount), reacts=True)

    def _plan_settlement(self, rule: Rule) -> None:
        number = len(self.payments) - 1
        if rule.commit:
            self._plan(self.now + 2 * HOUR, "completes", number)
        else:
            self.payments[number].reads = 2

    def _retrieve(self, payment: int | None) -> Result:
        if payment is None:
            return 404
        found = self.payments[payment]
        if found.reads:
            found.reads -= 1
            if not found.reads:
                self._settle(payment, "failed")
        return 200

    def _refund(self, payment: int | None, amount: int | None) -> Result:
        if payment is None:
            return 404
        found = self.payments[payment]
        wanted = found.left if amount is None else amount
        if found.status != "completed" or not 0 < wanted <= found.left:
            return 400
        if found.card == "refund_declined":
            return 400
        self._give_back(payment, wanted, reacts=True)
        return 201

    # The control API

    def settle_by_hand(self, payment: int, status: str) -> Result:
        """Settle a pending payment as completed or failed."""
        return 200 if self._settle(payment, status) else 400

    def charge_back(self, payment: int, amount: int | None) -> Result:
        """Charge a completed payment back."""
        return 201 if self._charge_back(payment, amount, reacts=True) else 400

    def send_by_hand(self, type_: str, payment: int) -> Result:
        """Send an event about a payment, or about its last refund or chargeback."""
        amount = self.payments[payment].amount
        if not type_.startswith("payment."):
            amounts = [
                each.amount
                for each in self.events
                if (each.type, each.payment, each.is_by_hand) == (type_, payment, False)
            ]
            if not amounts:
                return 400
            amount = amounts[-1]
        self._tell(Event(type_, payment, amount, is_by_hand=True), reacts=False)
        return 201

    def activate(self, rule: Rule | None) -> None:
        """Make a scenario of one rule the only active one; plans of others are cancelled."""
        self._forget(lambda timer: timer.rule != "")
        self.rule = rule
        self._plan_timed_rule()

    def reset(self, scopes: Collection[str]) -> Result:
        """Reset parts of the world."""
        if "clock" in scopes and "payments" not in scopes and self.latest > self.start:
            return 400
        if not {"payments", "webhooks"}.isdisjoint(scopes):
            self._forget_deliveries()
        for each in scopes:
            self._reset_part(each)
        if not {"payments", "rules", "clock"}.isdisjoint(scopes):
            self._forget(lambda timer: timer.what == "timed_rule")
            self._plan_timed_rule()
        return 200

    def _reset_part(self, scope: str) -> None:
        match scope:
            case "payments":
                self.payments, self.events, self.timers, self.latest = [], [], [], 0
            case "webhooks":
                self.endpoints, self.endpoints_made = {}, 0
            case "journal":
                self.journal = []
            case "rules":
                self.twice.clear()
                if self.rule is not None:
                    self.rule.left = self.rule.times
            case "clock":
                self.now = self.start
            case "rate_limit":
                self.limit, self.used = LIMIT, 0
            case _:
                raise LookupError(scope)

    def put_limit(self, limit: int | None, remaining: int | None) -> Result:
        """Set the rate limit."""
        if (remaining or 0) > (self.limit if limit is None else limit):
            return 400
        if self.now // HOUR != self.hour:
            self.hour, self.used = self.now // HOUR, 0
        if limit is not None:
            self.limit = limit
        if remaining is not None:
            self.used = max(0, self.limit - remaining)
        return 200

    def add_endpoint(self, events: str, retries: tuple[int, ...]) -> Result:
        """Make a webhook endpoint."""
        self.endpoints[self.endpoints_made] = Endpoint(events, retries)
        self.endpoints_made += 1
        return 201

    def enable(self, endpoint: int, *, enabled: bool) -> Result:
        """Enable or disable an endpoint; its open deliveries end."""
        self.endpoints[endpoint].enabled = enabled
        if not enabled:
            self._end_deliveries(endpoint)
        return 200

    def remove_endpoint(self, endpoint: int) -> Result:
        """Delete an endpoint."""
        del self.endpoints[endpoint]
        self._end_deliveries(endpoint)
        return 204

    def resend(self, event: int, endpoint: int | None) -> Result:
        """Send an event again, to one endpoint or to all that subscribe to it."""
        for number, each in self.endpoints.items():
            if endpoint == number or (
                endpoint is None and each.enabled and each.wants(self.events[event].type)
            ):
                self._queue(Delivery(event, number, is_resend=True))
        return 200

    # Time

    def advance(self, seconds: int | None) -> Result:
        """Move the clock by seconds or to the next due time; each timer fires at its time."""
        if seconds is None:
            until = self.timers[0].due if self.timers else self.now
        else:
            until = self.now + seconds
        while self.timers and self.timers[0].due <= until:
            self.now = self.timers[0].due
            while self.timers and self.timers[0].due == self.now:
                self._fire(heappop(self.timers))
            self.deliver()
        self.now = until
        return 200

    def _plan(self, due: int, what: str, about: int, rule: str = "") -> None:
        heappush(self.timers, Timer(due, self.tickets, what, about, rule))
        self.tickets += 1

    def _forget(self, is_meant: Callable[[Timer], bool]) -> None:
        self.timers = [each for each in self.timers if not is_meant(each)]
        heapify(self.timers)

    def _plan_timed_rule(self) -> None:
        if self.rule is not None and self.rule.effect == "timed":
            self._plan(self.now + 3 * HOUR, "timed_rule", 0, self.rule.scenario)

    def _fire(self, timer: Timer) -> None:
        match timer.what:
            case "attempt":
                self.due.append(timer.about)
            case "completes" | "fails":
                self._settle(timer.about, "completed" if timer.what == "completes" else "failed")
            case "timed_rule":
                for number, each in enumerate(self.payments):
                    if each.status == "pending":
                        self._plan(self.now, "completed_by_rule", number, timer.rule)
            case "completed_by_rule":
                self._settle(timer.about, "completed", reacts=False)
            case "charged_back_in_full":
                self._charge_back(timer.about, None, reacts=False)
            case "charged_back":
                self._charge_back(timer.about, 100, reacts=False)
            case _:
                raise LookupError(timer.what)

    # What happens to payments

    def _settle(self, payment: int, status: str, *, reacts: bool = True) -> bool:
        found = self.payments[payment]
        if found.status != "pending":
            return False
        found.status = status
        found.failure = "card_declined" if status == "failed" else None
        self._tell(Event(f"payment.{status}", payment, found.amount), reacts=reacts)
        return True

    def _give_back(self, payment: int, amount: int, *, reacts: bool) -> None:
        self.payments[payment].refunded += amount
        self._tell(Event("refund.created", payment, amount), reacts=reacts)

    def _charge_back(self, payment: int, amount: int | None, *, reacts: bool) -> bool:
        found = self.payments[payment]
        wanted = found.left if amount is None else amount
        if found.status != "completed" or not 0 < wanted <= found.left:
            return False
        found.charged_back += wanted
        self._tell(Event("chargeback.created", payment, wanted), reacts=reacts)
        return True

    def _tell(self, event: Event, *, reacts: bool) -> None:
        """Keep an event, let the rule react to it, and queue its deliveries."""
        self.events.append(event)
        self.latest = max(self.latest, self.now)
        if reacts and event.type == "payment.completed":
            if self.rule is not None and self.rule.effect == "event":
                self._plan(self.now + 2 * HOUR, "charged_back", event.payment, self.rule.scenario)
            if self.payments[event.payment].card == "chargeback":
                self._plan(self.now + DAY, "charged_back_in_full", event.payment)
        for endpoint in [n for n, each in self.endpoints.items() if each.wants(event.type)]:
            self._schedule(len(self.events) - 1, endpoint)

    # Webhooks

    def _schedule(self, event: int, endpoint: int) -> None:
        if not self.endpoints[endpoint].enabled:
            self.deliveries.append(Delivery(event, endpoint, status="disabled"))
            return
        effect = "" if self.rule is None else self.rule.effect
        rule = self.rule.scenario if self.rule is not None and effect in _WEBHOOKS else ""
        delay = 10 if effect == "delay" else 0
        if effect == "reorder":
            delay = self._hold(endpoint) - self.now
        self._queue(Delivery(event, endpoint, rule=rule), delay)
        if effect == "duplicate":
            self._queue(Delivery(event, endpoint, rule=rule), 5)

    def _hold(self, endpoint: int) -> int:
        """Until when a rule holds deliveries to an endpoint; the first opens the window."""
        found = self.endpoints[endpoint]
        if self.now >= found.held_until:
            found.held_until = self.now + 30
        return found.held_until

    def _queue(self, delivery: Delivery, delay: int = 0) -> None:
        self.deliveries.append(delivery)
        if delay:
            self._plan(self.now + delay, "attempt", len(self.deliveries) - 1)
        else:
            self.due.append(len(self.deliveries) - 1)

    def deliver(self) -> None:
        """Attempt all deliveries that are due."""
        due, self.due = self.due, []
        for number in due:
            if self.deliveries[number].status == "pending":
                self._attempt(number, self.deliveries[number])

    def _attempt(self, number: int, delivery: Delivery) -> None:
        delivery.attempts += 1
        event, endpoint = self.events[delivery.event], self.endpoints[delivery.endpoint]
        effect = self._effect_on(delivery)
        status = 0
        if effect != "lose" or delivery.attempts > 1:
            status = self.answer_of(delivery.endpoint, self.now, event.type, event.amount)
            about = event.type, event.payment, event.amount
            self.posts[delivery.endpoint, self.now, *about] += 1
        self.happened["webhook.delivered" if status == 200 else "webhook.failed"] += 1
        if status == 200:
            delivery.status = "delivered"
        elif status == 410:
            self.enable(delivery.endpoint, enabled=False)
        elif delivery.is_resend or delivery.attempts > len(endpoint.retries):
            delivery.status = "failed"
        else:
            wait = endpoint.retries[delivery.attempts - 1]
            asked = HOUR if status == 429 else 0
            delay = 10 if effect == "delay" else 0
            self._plan(self.now + max(wait, asked) + delay, "attempt", number)

    def _effect_on(self, delivery: Delivery) -> str:
        """The effect of the rule that applies to a delivery, while the rule is active."""
        is_active = self.rule is not None and delivery.rule == self.rule.scenario
        return self.rule.effect if is_active and self.rule is not None else ""

    def _end_deliveries(self, endpoint: int) -> None:
        for each in self.deliveries:
            if each.endpoint == endpoint and each.status == "pending":
                each.status = "disabled"
        self._forget_ended_attempts()

    def _forget_deliveries(self) -> None:
        self.deliveries, self.due = [], []
        self._forget(lambda timer: timer.what == "attempt")
        for each in self.endpoints.values():
            each.held_until = -1

    def _forget_ended_attempts(self) -> None:
        self._forget(
            lambda timer: (
                timer.what == "attempt" and self.deliveries[timer.about].status != "pending"
            )
        )
