"""The audit of client histories that are written as text: what each kind finds, and what not.

A history is a list of steps, separated by commas. A word before a call says what it meets:

- `lost`: it is performed, without a reply; `dropped`: not performed, without a reply.
- `hidden`: it is performed and answered 500; `failed`: not performed and answered 500.
"""

import re
from collections.abc import Callable
from typing import Final

from hypothesis import example, given
from hypothesis import strategies as st

from payments_sandbox.core.instants import read_duration
from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from tests.support.in_process import AUTHORIZATION, History, scenario_of
from tests.support.tables import for_each
from tests.support.values import documented_create

CARD: Final = {card.name: card.number for card in MAGIC_CARDS}
WRITES: Final = {
    "lost": "{drop: {commit: true}}",
    "dropped": "{drop: {commit: false}}",
    "hidden": "{respond: {error: internal_error, commit: true}}",
    "failed": "{respond: {error: internal_error}}",
}
READS: Final = {"lost": "{drop: {}}", "failed": "{respond: {error: internal_error}}"}
RULES: Final = scenario_of(
    "rules:\n"
    + "".join(
        f"  - {{request: {operation}, when: {{header.x-meets: {met}}}, do: [{step}],"
        " then: repeat_last}\n"
        for operations, steps in (
            (("create_payment", "create_refund"), WRITES),
            (("list_payments", "retrieve_payment"), READS),
        )
        for operation in operations
        for met, step in steps.items()
    )
)


class Story:
    """A history that is made from a text."""

    def __init__(self) -> None:
        self.history = History(RULES)
        self._meets = ""
        self._connection: int | None = None

    def tell(self, words: str) -> list[str]:
        """Perform the steps, and return the kinds of the findings."""
        for step in re.split(r",\s*", words):
            self._step(step.strip())
        return [kind for kind, _ in self.history.found()]

    def _step(self, step: str) -> None:
        first, _, rest = step.partition(" ")
        if first in WRITES:
            self._meets, (first, _, rest) = first, rest.partition(" ")
        steps: dict[str, Callable[[str], object]] = {
            "pay": self._pay,
            "refund": self._refund,
            "look": lambda query: self._call("list_payments", query=query),
            "read": lambda number: self._call("retrieve_payment", payment_id=self._id(number)),
            "wait": lambda text: self.history.wait(read_duration(text)),
            "exhaust": lambda _: self._let_through(0),
            "raise": lambda _: self._let_through(9),
            "worker": self._work_as,
            "took": self._took,
            "take": lambda of: self._receive(200, of),
            "refuse": lambda of: self._receive(400, of),
            "listen": self._listen,
            "settle": lambda _: self.history.world.complete(0),
            "fail": lambda _: self.history.world.fail(0, "card_declined"),
        }
        steps[first](rest)
        self._meets = self._meets if first in ("worker", "wait") else ""

    def _call(self, operation: str, body: object = None, **options: str) -> None:
        headers = (AUTHORIZATION, (b"X-Meets", self._meets.encode()))
        self.history.call(operation, body, headers=headers, **options)  # type: ignore[arg-type]  # options of call_of
        entry = next(self.history.world.journal.before(None))
        entry.connection = self._connection

    def _pay(self, how: str) -> None:
        """`pay`, `pay 5`, `pay pending`, `pay for ben`, `pay telling 4111…`."""
        changes: dict[str, object] = {}
        if how in CARD:
            changes["card_number"] = CARD[how]
        elif how.startswith("for "):
            changes["customer_id"] = how.removeprefix("for ")
        elif how.startswith("telling "):
            changes["description"] = how.removeprefix("telling ")
        elif how:
            changes["amount"] = float(how) if "." in how else int(how)
        self._call("create_payment", documented_create(**changes))

    def _refund(self, how: str) -> None:
        """`refund`, `refund 5`, `refund 5 of 1`, `refund 5 as late`."""
        amount, _, rest = how.partition(" ")
        body: dict[str, object] = {}
        if amount:
            body["amount"] = float(amount) if "." in amount else int(amount)
        if rest.startswith("as "):
            body["reason"] = rest.removeprefix("as ")
        number = rest.removeprefix("of ") if rest.startswith("of ") else ""
        self._call("create_refund", body, payment_id=self._id(number))

    def _let_through(self, calls: int) -> None:
        limiter = self.history.world.limiter
        limiter.turn(self.history.world.clock.now())
        limiter.set(limit=None, remaining=calls)

    def _id(self, number: str) -> str:
        return self.history.payment(int(number or 0))

    def _work_as(self, number: str) -> None:
        self._connection = int(number)

    def _took(self, text: str) -> None:
        entry = next(self.history.world.journal.before(None))
        entry.duration_ms = float(read_duration(text))

    def _receive(self, status: int, of: str) -> None:
        """`take`, `take forged`, `take stale`, `take refund.created`, `take evt_2`."""
        self.history.receive(
            status,
            event=of if "." in of else "payment.completed",
            event_id=of if of.startswith("evt_") else "evt_1",
            payment_id=self.history.payment(),
            is_forged=of == "forged",
            is_stale=of == "stale",
        )

    def _listen(self, _: str) -> None:
        webhooks = self.history.world.open_webhooks()
        webhooks.put(webhooks.new_endpoint("http://127.0.0.1:1/"))


CHARGED, REFUNDED, BLIND = "possible_double_charge", "possible_double_refund", "blind_retry"
LIMIT, LEAK, POLLS, PAGES = (
    "ignored_rate_limit", "card_number_leak", "polling_too_fast", "paging_ignored",
)  # fmt: skip
FORGED, STALE, TWICE = (
    "forged_delivery_accepted", "stale_delivery_accepted", "duplicate_handled_twice",
)  # fmt: skip
ELEVEN: Final = ", ".join(f"pay {amount}" for amount in range(1, 12))

CORRECT: Final = (
    # payments
    "pay", "pay, pay", "pay, pay for ben", "pay declined, pay", "pay 0, pay 0, pay",
    "lost pay, look", "lost pay, look customer_id=cust_abc123", "hidden pay, look",
    "dropped pay, look, pay", "failed pay, look, pay", "failed pay, look, failed pay, look, pay",
    "failed pay, failed look, look, pay", "lost pay, lost look, look",
    "lost pay, pay 5", "lost pay, pay for ben", "lost pay, look, pay telling another order",
    "lost pay, look, wait 11m, pay", "hidden pay, look, wait 601s, pay",
    "lost pay declined, look, pay", "hidden pay declined, look, pay",
    "lost pay pending_forever, fail, look, pay",
    "exhaust, pay, wait 1h, pay", "pay, look, read, refund 5",
    # refunds
    "pay, refund", "pay, refund 5", "pay, refund 5, refund 5", "pay, refund 5, refund 6",
    "pay, lost refund", "pay, lost refund, refund", "pay, lost refund 2500, refund 2500",
    "pay, lost refund 2500, refund 2500.0", "pay, dropped refund, refund",
    "pay, lost refund 5, refund 6", "pay, pay 9, lost refund 5 of 0, refund 5 of 1",
    "pay, dropped refund 5, read, refund 5", "pay, dropped refund 5, look, refund 5",
    "pay, failed refund 5, wait 601s, refund 5", "pay, refund 9000, refund 9000",
    "listen, pay, dropped refund 5, wait 1s, refund 5", "listen, pay, lost refund 5, wait 30s",
    "pay, lost refund 5, wait 25h, refund 5", "pay, refund 5, wait 1h, lost refund 5",
    # the rate limit
    "exhaust, look", "exhaust, look, wait 1h, look", "exhaust, look, raise, look",
    "exhaust, look, took 50ms, wait 10ms, look", "exhaust, look, raise, look, exhaust, look",
    "exhaust, worker 1, pay, worker 2, pay, worker 3, pay, worker 4, pay",
    "exhaust, worker 1, pay, wait 20ms, worker 2, pay 5, wait 900ms, worker 3, look",
    "exhaust, worker 1, look, worker 2, look, wait 1h, worker 1, look, worker 2, look",
    # card numbers
    "pay telling order 4111111111111112", "pay telling 12345", "pay, refund 5 as 42",
    # reading
    "pay, read, read, read", "pay, take, read, take evt_2, read, take evt_3, read",
    "pay pending_forever, read, read", "pay pending_forever, read, read, settle, read, read",
    "pay pending_forever, read, wait 1s, read, wait 1s, read, wait 1s, read",
    "pay pending_forever, take evt_1, read, take evt_2, read, take evt_3, read, take evt_4, read",
    "pay pending_forever, read, took 9s, read, took 9s, read, took 9s, read, took 9s",
    "pay pending_forever, lost read, lost read, lost read, read",
    "pay pending_forever, look, look, look, look",
    # pages
    "pay, look", f"{ELEVEN}, look limit=2", f"{ELEVEN}, look limit=10", f"{ELEVEN}, look limit=99",
    f"{ELEVEN}, look limit=5, look limit=3", f"{ELEVEN}, failed look", f"{ELEVEN}, lost look",
    f"{ELEVEN}, lost pay 2500, look", f"{ELEVEN}, hidden pay, look customer_id=cust_abc123",
    # webhooks
    "pay, take", "pay, take, take", "pay, take, take, refund 5", "pay, take, refund 5, take",
    "pay, refuse forged", "pay, refuse stale, take", "pay, refuse forged, take",
    "pay, take, refund 5, refuse, wait 1s, refund 5",
    "pay, take, refund 5, wait 1s, take evt_2, refund 5",
    "pay, take, refund 5, wait 1s, take, refund 6",
    "pay, take, refund 5, wait 1s, take, wait 11m, refund 5",
    "pay, take refund.created, refund 5, wait 1s, take refund.created, refund 5",
    "pay, pay 9, take, refund 5, wait 1s, take, refund 5 of 1",
)  # fmt: skip

FAULTY: Final = {
    # payments
    "lost pay, pay": (CHARGED, BLIND), "hidden pay, pay": (CHARGED, BLIND),
    "lost pay, hidden pay, pay": (CHARGED, BLIND), "lost pay, pay 2500.0": (CHARGED, BLIND),
    "lost pay, look, pay": (CHARGED,), "lost pay, look, wait 10m, pay": (CHARGED,),
    "lost pay, lost look, pay": (CHARGED, BLIND), "lost pay, failed look, pay": (CHARGED, BLIND),
    "lost pay pending_forever, look, pay": (CHARGED,), "lost pay, read, pay": (CHARGED, BLIND),
    "dropped pay, pay": (BLIND,), "failed pay, pay": (BLIND,), "failed pay, failed pay": (BLIND,),
    "lost pay declined, pay": (BLIND,), "failed pay, wait 1h, pay": (BLIND,),
    "look, failed pay, pay": (BLIND,), "failed pay, pay, look": (BLIND,),
    "lost pay, pay 5, look, pay": (CHARGED,),
    # refunds
    "pay, lost refund 5, refund 5": (REFUNDED, BLIND),
    "pay, hidden refund 5, refund 5": (REFUNDED, BLIND),
    "pay, lost refund 5, refund 5 as late": (REFUNDED, BLIND),
    "pay, lost refund 5 as late, refund 5 as later": (REFUNDED, BLIND),
    "pay, lost refund 5, refund 5.0": (REFUNDED, BLIND),
    "pay, lost refund 5, read, refund 5": (REFUNDED,),
    "pay, lost refund 5, wait 601s, refund 5": (REFUNDED,),
    "pay, lost refund 5, wait 24h, refund 5": (REFUNDED,),
    "listen, pay, lost refund 5, wait 1m, refund 5": (REFUNDED,),
    "listen, pay, dropped refund 5, wait 999ms, refund 5": (BLIND,),
    "pay, dropped refund 5, refund 5": (BLIND,), "pay, failed refund 5, refund 5": (BLIND,),
    "pay, dropped refund 5, wait 600s, refund 5": (BLIND,),
    "pay, refund 5, wait 1h, dropped refund 5, refund 5": (BLIND,),
    "pay, dropped refund 5, lost read, refund 5": (BLIND,),
    # the rate limit
    "exhaust, look, look": (LIMIT,), "exhaust, pay, pay 5": (LIMIT,),
    "exhaust, look, wait 59m, look": (LIMIT,), "exhaust, look, took 5ms, wait 5ms, look": (LIMIT,),
    "exhaust, worker 1, look, worker 2, look, worker 1, look": (LIMIT,),
    "exhaust, worker 1, look, wait 1s, worker 2, look": (LIMIT,),
    # card numbers
    "pay telling 4111111111111111": (LEAK,), "pay for 4111111111111111": (LEAK,),
    "pay, refund 5 as 4111111111111111": (LEAK,), "pay telling card 4111 1111 1111 1111": (LEAK,),
    # reading
    "pay pending_forever, read, read, read": (POLLS,),
    "pay pending_forever, read, wait 999ms, read, wait 999ms, read": (POLLS,),
    "pay pending_forever, read, took 5ms, wait 5ms, read, took 5ms, wait 5ms, read": (POLLS,),
    "pay pending_forever, take, read, read, read, read": (POLLS,),
    # pages
    f"{ELEVEN}, look": (PAGES,), f"{ELEVEN}, look customer_id=cust_abc123": (PAGES,),
    f"lost pay, {ELEVEN}, look": (PAGES,),
    # webhooks
    "pay, take forged": (FORGED,), "pay, take stale": (STALE,),
    "pay, refuse forged, take forged": (FORGED,), "pay, take stale, take forged": (FORGED, STALE),
    "pay, take, refund 5, wait 1s, take, refund 5": (TWICE,),
    "pay, take, wait 1s, refund 5, wait 1s, take, wait 1s, refund 5 as late": (TWICE,),
    "pay, take, refund 5, wait 1s, take, wait 599s, refund 5": (TWICE,),
    # more than one thing at once
    "lost pay, pay, lost refund 5, refund 5": (CHARGED, REFUNDED, BLIND, BLIND),
    "lost pay telling 4111111111111111, pay telling 4111111111111111": (CHARGED, BLIND, LEAK),
}  # fmt: skip


GOOD: Final = (
    "pay {a}", "lost pay {a}, look limit=5", "hidden pay {a}, look limit=5", "pay declined",
    "dropped pay {a}, look limit=5, pay {a}", "failed pay {a}, look limit=5, wait 2m, pay {a}",
    "pay {a}, refund 5 of {n}", "pay {a}, lost refund 5 of {n}", "pay {a}, read {n}, read {n}",
    "pay {a}, dropped refund 5 of {n}, read {n}, refund 5 of {n}",
    "exhaust, look limit=5, wait 1h", "pay {a}, take evt_{a}, take evt_{a}",
)  # fmt: skip
BAD: Final = {
    "lost pay {a}, pay {a}": {CHARGED, BLIND},
    "hidden pay {a}, look limit=5, pay {a}": {CHARGED},
    "dropped pay {a}, pay {a}": {BLIND},
    "pay {a}, lost refund 5 of {n}, refund 5 of {n}": {REFUNDED, BLIND},
    "pay {a}, hidden refund 5 of {n}, read {n}, refund 5 of {n}": {REFUNDED},
    "pay {a}, failed refund 5 of {n}, refund 5 of {n}": {BLIND},
    "exhaust, look limit=5, look limit=5, wait 1h": {LIMIT},
    "pay telling 4111111111111111": {LEAK},
    "pay pending_forever, read {n}, read {n}, read {n}": {POLLS},
}
"""What a client does for an order of amount `a`, after `n` payments, and its findings."""

EPISODES: Final = st.sampled_from(GOOD) | st.sampled_from(list(BAD))


@given(st.lists(EPISODES, max_size=8), st.sampled_from(["wait 1s", "wait 1m", "wait 2h"]))
@example(list(GOOD), "wait 1s")
@example(list(BAD), "wait 1s")
@example([*BAD, *GOOD], "wait 2h")
def test_any_combination_of_episodes_has_exactly_the_expected_findings(
    episodes: list[str], pause: str
) -> None:
    """Episodes are about different orders, and do not affect each other."""
    story = Story()
    payments = story.history.world.ledger.payments
    for number, episode in enumerate(episodes):
        for words in episode.format(a=100 + number, n=len(payments)).split(", "):
            story.tell(words)
        story.tell(pause)
    expected = {kind for episode in episodes for kind in BAD.get(episode, ())}

    assert {kind for kind, _ in story.history.found()} == expected


@for_each("words", CORRECT)
def test_a_correct_history_has_no_findings(words: str) -> None:
    assert Story().tell(words) == []


@for_each(("words", "kinds"), FAULTY.items())
def test_a_faulty_history_has_exactly_its_findings(words: str, kinds: tuple[str, ...]) -> None:
    assert Story().tell(words) == list(kinds)


def test_there_are_a_hundred_histories_half_of_them_correct() -> None:
    assert len(CORRECT) + len(FAULTY) >= 100
    assert len(CORRECT) >= 50
