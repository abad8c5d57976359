"""Owns the operations of stories: each asks the server and the model, and compares both."""

import pickle
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Final
from urllib.parse import urlencode

from payments_sandbox.testing.direct_connection import Ending
from tests.nightly.model import RETRIES, Model, Post, Result, Rule
from tests.nightly.server import CONTROL, GONE, NOON, Killed, Reply, Server, answer_of, show
from tests.nightly.stories import CARDS, Operation

OK, CREATED, EMPTY, REFUSED = 200, 201, 204, 400
MOST_ENDPOINTS: Final = 3
BYSTANDER: Final = "sk_test_bystander"
KEPT: Final = 1_000
"""How many ended deliveries a world keeps."""


def same(found: object, wanted: object, what: str) -> None:
    """Compare a value with the expected one.

    Raises:
        AssertionError: they differ.
    """
    if found != wanted:
        raise AssertionError(f"{what}: expected {wanted}, found {found}")


def payment(card: str, amount: int, customer: str | None) -> dict[str, object]:
    """The body of a payment."""
    method = {"type": "card", "card_number": CARDS[card], "exp_month": 12, "exp_year": 2099}
    body: dict[str, object] = {"amount": amount, "currency": "USD"}
    body["payment_method"] = {**method, "cvc": "123"}
    return body if customer is None else body | {"customer_id": customer}


def rule_of(effect: str, operation: str, times: int, *, commit: bool) -> dict[str, object]:
    """A rule, as a scenario has it."""
    settled: dict[str, object] = (
        {"to": "completed", "after": "2h"} if commit else {"to": "failed", "after_reads": 2}
    )
    steps: dict[str, dict[str, object]] = {
        "drop": {"drop": {"commit": commit, "how": "reset"}},
        "truncate": {"truncate": {"commit": commit, "keep": "40%", "in": "body"}},
        "error": {"respond": {"error": "internal_error", "commit": commit}},
        "settle": {"settle": [{"to": "pending"}, settled]},
    }
    if effect in steps:
        return {"request": operation, "do": [{**steps[effect], "times": times}]}
    others: dict[str, dict[str, object]] = {
        "event": {"event": "payment.completed", "after": "2h",
                  "do": {"chargeback": {"reason": "fraudulent", "amount": 100}}},
        "timed": {"at": "3h", "when": {"status": "pending"}, "do": "complete"},
        "delay": {"webhook": "*", "do": {"delay": "10s"}},
        "reorder": {"webhook": "*", "do": {"reorder": {"window": "30s", "order": "reverse"}}},
        "duplicate": {"webhook": "*", "do": {"duplicate": {"copies": 2, "gap": "5s"}}},
        "lose": {"webhook": "*", "when": {"attempt": 1}, "do": "drop"},
    }  # fmt: skip
    return others[effect]


class Simulation:
    """Runs one story: each method is an operation, which asks the server and the model.

    Args:
        seed: the seed of the world and of the receivers' answers.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.model = Model(NOON, partial(answer_of, seed))
        self.ids: list[str] = []
        self.endpoint_ids: dict[int, str] = {}
        self._scenarios = 0
        self.server = Server(seed)
        self._snapshot: tuple[bytes, bytes] | None = None
        self.server.ask("POST", "/v3/payments", payment("completes", 500, None), BYSTANDER)
        self._bystander = self._bystanders_world()
        self.save()

    def run(self, operation: Operation) -> None:
        """Run one operation, and compare its result with the model.

        Raises:
            AssertionError: the server did something else.
        """
        for seen in (self.model.posts, self.model.happened, self.server.receivers.got):
            seen.clear()
        getattr(self, operation.name)(*operation.arguments)
        self.model.deliver()
        self._learn_ids()
        self._hold_posts()

    # The emulated API

    def create(self, card: str, amount: int, customer: str | None) -> None:
        """Create a payment."""
        reply = self._pay(card, amount, customer)
        expected = self.model.create(card, amount, customer)
        self._hold(reply, expected)
        if expected == CREATED:
            self.ids.append(reply.json["id"])
            newest = self.model.payments[-1]
            same(reply.json["status"], newest.status, "the status of a new payment")

    def retrieve(self, which: int) -> None:
        """Read a payment, which may not exist."""
        number = self._payment(which) if which >= 0 else None
        reply = self.server.ask("GET", f"/v3/payments/{self._id(number)}")
        expected = self.model.retrieve(number)
        self._hold(reply, expected)
        if expected == OK and number is not None:
            same(reply.json["status"], self.model.payments[number].status, "a payment's status")

    def list(self, limit: int, customer: str | None, status: str | None, after: int) -> None:
        """List payments, at most three pages."""
        number = self._payment(after)
        created = 0 if number is None or after % 3 else self.model.payments[number].created
        query: dict[str, object] = {"limit": limit, "customer_id": customer, "status": status}
        query["created_after"] = show(created) if created else None
        wanted = [
            self.ids[place]
            for place, each in reversed(list(enumerate(self.model.payments)))
            if customer in (None, each.customer)
            and status in (None, each.status)
            and each.created > created
        ]
        for first in range(0, 3 * limit, limit):
            given = {name: value for name, value in query.items() if value is not None}
            reply = self.server.ask("GET", f"/v3/payments?{urlencode(given)}")
            expected = self.model.list()
            self._hold(reply, expected)
            if expected != OK:
                return
            page = wanted[first : first + limit]
            same([each["id"] for each in reply.json["data"]], page, "a page of payments")
            has_more = len(wanted) > first + limit
            same(reply.json["has_more"], has_more, "whether more payments follow")
            if not has_more:
                return
            query["starting_after"] = reply.json["next_cursor"]

    def refund(self, which: int, amount: int | None) -> None:
        """Refund an amount, all that is left (None), or a little more or less than that."""
        number = self._payment(which)
        if number is not None and amount is not None and amount <= 1:
            amount = max(1, self.model.payments[number].left + amount)
        body = {} if amount is None else {"amount": amount}
        reply = self.server.ask("POST", f"/v3/payments/{self._id(number)}/refunds", body)
        self._hold(reply, self.model.refund(number, amount))

    # The control API

    def complete(self, which: int) -> None:
        """Complete a payment by hand."""
        self._settle(which, "complete", "completed")

    def fail(self, which: int) -> None:
        """Fail a payment by hand."""
        self._settle(which, "fail", "failed")

    def _settle(self, which: int, verb: str, status: str) -> None:
        if (number := self._payment(which)) is not None:
            reply = self.server.ask("POST", f"{CONTROL}/payments/{self._id(number)}/{verb}")
            same(reply.status, self.model.settle_by_hand(number, status), f"{verb} by hand")

    def charge_back(self, which: int, amount: int | None) -> None:
        """Charge a payment back."""
        if (number := self._payment(which)) is not None:
            body = {} if amount is None else {"amount": amount}
            reply = self.server.ask(
                "POST", f"{CONTROL}/payments/{self._id(number)}/chargeback", body
            )
            expected = OK if self.model.charge_back(number, amount) == CREATED else REFUSED
            same(reply.status, expected, "a chargeback")

    def advance(self, seconds: int | None) -> None:
        """Move the clock."""
        body = {"next": True} if seconds is None else {"by": f"{seconds}s"}
        reply = self.server.ask("POST", f"{CONTROL}/clock/advance", body)
        same(reply.status, self.model.advance(seconds), "advance")
        same(reply.json["now"], show(self.model.now), "the clock")
        happened = Counter(each["what"] for each in reply.json["happened"])
        for what in ("webhook.delivered", "webhook.failed"):
            same(happened[what], self.model.happened[what], f"{what} that advance tells of")

    def limit(self, limit: int | None, remaining: int | None) -> None:
        """Set the rate limit."""
        wanted = {"limit": limit, "remaining": remaining}
        body = {name: value for name, value in wanted.items() if value is not None}
        if body:
            reply = self.server.ask("PUT", f"{CONTROL}/rate_limit", body)
            same(reply.status, self.model.put_limit(limit, remaining), "setting the limit")

    def scenario(self, effect: str, operation: str, commit: bool, times: int, _: int) -> None:  # noqa: FBT001 - an argument of a story
        """Replace the active scenario, if any, by a scenario with one rule."""
        self._scenarios += 1
        name = f"sim-{self._scenarios}"
        operation = "create_payment" if effect == "settle" else operation
        rule = rule_of(effect, operation, times, commit=commit)
        reply = self.server.ask(
            "PUT", f"{CONTROL}/scenarios/active", [{"scenario": name, "rules": [rule]}]
        )
        same(reply.status, OK, f"a scenario: {reply.body!r}")
        self.model.activate(Rule(name, effect, operation, commit, times, times))

    def end_scenario(self) -> None:
        """End the scenario."""
        same(self.server.ask("DELETE", f"{CONTROL}/scenarios/active").status, EMPTY, "an end")
        self.model.activate(None)

    def endpoint(self, events: str, retries: tuple[int, ...] | None) -> None:
        """Make an endpoint, unless there are three."""
        if len(self.model.endpoints) == MOST_ENDPOINTS:
            return
        number = self.model.endpoints_made
        body: dict[str, object] = {"url": f"http://127.0.0.1:9/{number}", "events": [events]}
        if retries is not None:
            body["retries"] = [f"{each}s" for each in retries]
        reply = self.server.ask("POST", f"{CONTROL}/webhook_endpoints", body)
        expected = self.model.add_endpoint(events, RETRIES if retries is None else retries)
        same(reply.status, expected, "an endpoint")
        self.endpoint_ids[number] = reply.json["id"]

    def enable(self, which: int, enabled: bool) -> None:  # noqa: FBT001 - an argument of a story
        """Enable or disable an endpoint."""
        if (number := self._endpoint(which)) is not None:
            path = f"{CONTROL}/webhook_endpoints/{self.endpoint_ids[number]}"
            reply = self.server.ask("PATCH", path, {"enabled": enabled})
            same(reply.status, self.model.enable(number, enabled=enabled), "an endpoint's change")

    def remove_endpoint(self, which: int) -> None:
        """Delete an endpoint."""
        if (number := self._endpoint(which)) is not None:
            path = f"{CONTROL}/webhook_endpoints/{self.endpoint_ids[number]}"
            same(
                self.server.ask("DELETE", path).status,
                self.model.remove_endpoint(number),
                "a deletion",
            )

    def resend(self, which: int, endpoint: int | None) -> None:
        """Send an event again, to one endpoint or to all that subscribe to it."""
        if not self.model.events:
            return
        back = which % len(self.model.events)
        newest = self.server.ask("GET", f"{CONTROL}/events?limit={back + 1}").json["data"]
        number = None if endpoint is None else self._endpoint(endpoint)
        body = {} if number is None else {"endpoint_id": self.endpoint_ids[number]}
        reply = self.server.ask("POST", f"{CONTROL}/events/{newest[back]['id']}/resend", body)
        event = len(self.model.events) - 1 - back
        same(reply.status, self.model.resend(event, number), "a resend")

    def send_by_hand(self, type_: str, which: int) -> None:
        """Send an event about a payment by hand, although nothing has happened."""
        if (number := self._payment(which)) is not None:
            body = {"type": type_, "payment_id": self._id(number)}
            reply = self.server.ask("POST", f"{CONTROL}/events", body)
            same(reply.status, self.model.send_by_hand(type_, number), "an event by hand")

    def drop(self) -> None:
        """Drop the world; the next request creates a new one."""
        same(self.server.ask("DELETE", f"{CONTROL}/world").status, EMPTY, "a world's end")
        self.model = Model(NOON, self.model.answer_of)
        self.ids.clear()

    def reset(self, scopes: Sequence[str]) -> None:
        """Reset parts of the world."""
        reply = self.server.ask("POST", f"{CONTROL}/world/reset", {"only": list(scopes)})
        expected = self.model.reset(scopes)
        same(reply.status, expected, "a reset")
        if "payments" in scopes and expected == OK:
            self.ids.clear()

    # Snapshots, the state file and the process

    def snapshot(self) -> None:
        """Take a snapshot."""
        self._snapshot = (
            self.server.ask("GET", f"{CONTROL}/world/snapshot").body,
            self._remembered(),
        )

    def restore(self) -> None:
        """Restore the latest snapshot."""
        if self._snapshot is not None:
            kept, remembered = self._snapshot
            same(self.server.ask("PUT", f"{CONTROL}/world/snapshot", kept).status, OK, "a restore")
            self._remember(remembered)

    def save(self) -> None:
        """Write the state file."""
        self._lines = self.server.lines()
        self._saved = self._remembered()

    def kill(self) -> None:
        """End the process without a save, and start it again with the latest saved state."""
        self.server.start(self._lines)
        self._remember(self._saved)

    def stop(self) -> None:
        """End the process, which saves its state, and start it again."""
        self.save()
        self.kill()

    def stop_in_flight(self, card: str, amount: int, customer: str | None) -> None:
        """End the process while a new payment's webhook is in flight, if it has a webhook."""
        self.server.receivers.last_words = self.save
        try:
            reply = self._pay(card, amount, customer)
        except Killed:
            self.model.create(card, amount, customer)
            self._saved = self._remembered()
            self.kill()
        else:
            self.server.receivers.last_words = None
            self._hold(reply, self.model.create(card, amount, customer))

    # What the control API shows

    def audit(self) -> None:
        """Compare everything with the model."""
        self._hold_payments()
        self._hold_events()
        self._hold_deliveries()
        self._hold_clock()
        self._hold_journal()
        same(self._bystanders_world(), self._bystander, "the world of somebody else")

    def _hold_payments(self) -> None:
        shown = [
            (each["id"], each["status"], each["amount"], each["customer_id"], each["refunded"],
             each["charged_back"], each["failure_code"], each["created_at"])
            for each in self.server.all("payments")
        ]  # fmt: skip
        wanted = [
            (payment_id, each.status, each.amount, each.customer, each.refunded,
             each.charged_back, each.failure, show(each.created))
            for payment_id, each in zip(self.ids, self.model.payments, strict=True)
        ]  # fmt: skip
        same(shown, wanted, "the payments")
        for each in self.model.payments:
            same(min(each.left, 0), 0, "what went back beyond a payment")

    def _hold_events(self) -> None:
        numbers = self._numbers()
        found = self.server.all("events")
        shown = [
            (each["type"], numbers[each["data"]["payment_id"]], each["data"]["amount"])
            for each in found
        ]
        wanted = [(each.type, each.payment, each.amount) for each in self.model.events]
        same(shown, wanted, "the events")
        self._events = [each["id"] for each in found]
        same(len(set(self._events)), len(found), "ids of events that differ")

    def _hold_deliveries(self) -> None:
        events = {event_id: number for number, event_id in enumerate(self._events)}
        endpoints = {endpoint_id: number for number, endpoint_id in self.endpoint_ids.items()}
        shown = Counter(
            (events[each["event_id"]], endpoints[each["endpoint_id"]], each["status"],
             len(each["attempts"]) * (each["status"] != "disabled"))
            for each in self.server.all("deliveries")
        )  # fmt: skip
        wanted = Counter(
            (each.event, each.endpoint, each.status, each.attempts * (each.status != "disabled"))
            for each in self.model.deliveries
        )
        ended = sum(each.status != "pending" for each in self.model.deliveries)
        if ended > KEPT:
            shown = Counter({each: count for each, count in shown.items() if each[2] == "pending"})
            wanted = Counter({each: n for each, n in wanted.items() if each[2] == "pending"})
        same(shown - wanted, Counter(), "deliveries that should not be")
        same(wanted - shown, Counter(), "deliveries that are missing")

    def _hold_clock(self) -> None:
        clock = self.server.ask("GET", f"{CONTROL}/clock").json
        same(clock["now"], show(self.model.now), "the clock")
        due = [show(each.due) for each in sorted(self.model.timers)[:100]]
        same([each["at"] for each in clock["due"]], due, "what is due")

    def _hold_journal(self) -> None:
        shown = [
            (each["operation"], each["fault"] or each["response"]["status"])
            for each in self.server.all("requests")
        ]
        same(shown, self.model.journal, "the journal")

    # Inside

    def _bystanders_world(self) -> str:
        """The seal of a world that no story changes."""
        found = self.server.ask("GET", f"{CONTROL}/world/snapshot", key=BYSTANDER)
        return str(found.json["digest"])

    def _remembered(self) -> bytes:
        return pickle.dumps((self.model, self.ids, self.endpoint_ids))

    def _remember(self, remembered: bytes) -> None:
        self.model, self.ids, self.endpoint_ids = pickle.loads(remembered)  # noqa: S301 - our own

    def _pay(self, card: str, amount: int, customer: str | None) -> Reply:
        return self.server.ask("POST", "/v3/payments", payment(card, amount, customer))

    def _hold(self, reply: Reply, expected: Result) -> None:
        """Compare a reply of the emulated API with the expected result."""
        if isinstance(expected, int):
            same(reply.status, expected, "the status")
            limits = [reply.header(b"X-RateLimit-" + name) for name in (b"Limit", b"Remaining")]
            wanted = [b"%d" % each for each in (self.model.limit, self.model.remaining)]
            same(limits, wanted, "the rate limit")
        else:
            is_open = reply.ending is Ending.OPEN
            same(is_open, wanted=False, what=f"a connection that is open after {expected}")

    def _hold_posts(self) -> None:
        """Compare what the receivers got with the model."""
        numbers = self._numbers()
        got = Counter[Post](
            (endpoint, now, event["type"], numbers[event["data"]["payment_id"]],
             event["data"]["amount"])
            for endpoint, now, event in self.server.receivers.got
        )  # fmt: skip
        got, wanted = self._without_gone(got), self._without_gone(self.model.posts)
        same(got - wanted, Counter(), "webhooks that nobody should have got")
        same(wanted - got, Counter(), "webhooks that did not come")

    def _without_gone(self, posts: Counter[Post]) -> Counter[Post]:
        """Posts, but to receivers that answer 410 only their number: any may be the first."""
        found = Counter[Post]()
        for post, count in posts.items():
            is_gone = answer_of(self.seed, *post[:3], post[4]) == GONE
            found[(*post[:2], "", 0, 0) if is_gone else post] += count
        return found

    def _learn_ids(self) -> None:
        """Find the ids of payments whose replies were lost."""
        missing = len(self.model.payments) - len(self.ids)
        if missing > 0:
            found = self.server.ask("GET", f"{CONTROL}/payments?limit={missing}").json["data"]
            self.ids += [each["id"] for each in reversed(found)]
            same(len(self.ids), len(self.model.payments), "payments")
            same(len(set(self.ids)), len(self.ids), "ids of payments that differ")

    def _numbers(self) -> dict[str, int]:
        return {payment_id: number for number, payment_id in enumerate(self.ids)}

    def _id(self, number: int | None) -> str:
        return "pay_none" if number is None else self.ids[number]

    def _payment(self, which: int) -> int | None:
        """A payment's number, the newest first; None if there is no payment."""
        there = len(self.ids)
        return None if not there else there - 1 - which % there

    def _endpoint(self, which: int) -> int | None:
        there = list(self.model.endpoints)
        return there[which % len(there)] if there else None
