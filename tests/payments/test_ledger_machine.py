"""Tests a whole world under random calls: money, events, ids, snapshots."""

import json
from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
)

from payments_sandbox.core.errors import RefundRefused, SandboxError
from payments_sandbox.core.instants import HOUR, Instant
from payments_sandbox.payments import payment as domain
from payments_sandbox.payments.events import EventType
from payments_sandbox.payments.payment import Payment, Status
from payments_sandbox.rules.magic_cards import MAGIC_CARDS, MagicCard
from payments_sandbox.world.world import ResetScope, World
from tests.support.in_process import InProcessApi, all_outputs, new_world, snapshot
from tests.support.values import CVC3, CVC4, codes_in, documented_create, leaks

CARDS = st.sampled_from(MAGIC_CARDS)
AMOUNTS = st.integers(1, 5_000)
CUSTOMERS = st.sampled_from(["cust_anna", "cust_ben", None])
HOURS = st.sampled_from([0, 1, HOUR - 1, HOUR, 25 * HOUR])


class LedgerMachine(RuleBasedStateMachine):
    """Random calls of the API and of the control API to one world."""

    payments = Bundle("payments")

    @initialize()
    def begin(self) -> None:
        """Create a world."""
        self.desk = InProcessApi(new_world())
        self.forget()

    def forget(self) -> None:
        """Forget what was acknowledged."""
        self.refunded: Counter[str] = Counter()
        self.charged_back: Counter[str] = Counter()
        self.ids: list[str] = []

    @property
    def world(self) -> World:
        """The current world; a restored one replaces it."""
        return self.desk.world

    @rule(target=payments, card=CARDS, amount=AMOUNTS, customer=CUSTOMERS)
    def create(self, card: MagicCard, amount: int, customer: str | None) -> str:
        """Pay with any magic card; the payment, if one was made, is the newest."""
        before = len(self.world.ledger.payments)
        cvc = CVC4 if card.name == "amex" else CVC3
        body = documented_create(
            card_number=card.number, cvc=cvc, amount=amount, customer_id=customer
        )
        status, said = self.desk.ask("create_payment", body)
        after = len(self.world.ledger.payments)

        assert after - before in ((1,) if status == 201 else (0, 1))
        if status == 201:
            assert said["id"] == self.world.ledger.payments.id_of(after - 1)
        return str(self.world.ledger.payments.id_of(after - 1)) if after > before else ""

    @rule(payment_id=payments, amount=st.none() | AMOUNTS | st.sampled_from([0, -1, 10**8]))
    def refund(self, payment_id: str, amount: int | None) -> None:
        """Refund an amount, what is left, or an invalid amount."""
        before = self.world.ledger.snapshot()
        body = {} if amount is None else {"amount": amount}
        status, said = self.desk.ask("create_refund", body, payment_id=payment_id)
        if status == 201:
            self.refunded[payment_id] += said["amount"]
            self.ids.append(said["id"])
        else:
            assert self.world.ledger.snapshot() == before, "refused means unchanged"

    @rule(payment_id=payments, beyond=st.integers(-1, 1))
    def refund_what_is_left(self, payment_id: str, beyond: int) -> None:
        """Refund about what is left: a little less, exactly that, a little more."""
        number = self.world.ledger.payments.number_of(payment_id)
        if number is not None:
            self.refund(payment_id, self.world.ledger.payments.get(number).refundable + beyond)

    @rule(payment_id=payments, move=st.sampled_from(["complete", "fail", "charge_back"]))
    def settle(self, payment_id: str, move: str) -> None:
        """Settle or charge back a payment by the control API."""
        number = self.world.ledger.payments.number_of(payment_id)
        if number is None:
            return
        before = self.world.ledger.snapshot()
        try:
            match move:
                case "complete":
                    self.world.complete(number)
                case "fail":
                    self.world.fail(number, "lost_card")
                case _:
                    self.world.charge_back(number, None, "fraudulent")
        except SandboxError:
            assert self.world.ledger.snapshot() == before, "refused means unchanged"

    @rule(payment_id=payments)
    def retrieve(self, payment_id: str) -> None:
        """A retrieved payment equals the stored one."""
        status, said = self.desk.ask("retrieve_payment", payment_id=payment_id)
        number = self.world.ledger.payments.number_of(payment_id)

        assert status in ((404, 429) if number is None else (200, 429))
        if status == 200 and number is not None:
            kept = self.world.ledger.payments.get(number)
            assert (said["status"], said["amount"]) == (kept.status, kept.amount)

    @rule(milliseconds=HOURS)
    def advance(self, milliseconds: int) -> None:
        """Advance the clock."""
        before = self.world.clock.now()
        until = Instant(before + milliseconds)
        instants = [each.at for batch in self.world.advance(until) for each in batch]

        assert instants == sorted(instants)
        assert all(before <= at <= until for at in instants)

    @rule(limit=st.integers(0, 3))
    def limit_requests(self, limit: int) -> None:
        """Set a small number of remaining requests."""
        self.world.limiter.turn(self.world.clock.now())
        self.world.limiter.set(limit=None, remaining=limit)

    @rule(payment_id=consumes(payments))
    def reset(self, payment_id: str) -> None:
        """Reset the world; ids start again."""
        self.world.reset([ResetScope.PAYMENTS, ResetScope.RATE_LIMIT, ResetScope.RULES])
        self.forget()

        assert self.world.ledger.payments.number_of(payment_id) is None

    @rule(card=CARDS)
    def restore(self, card: MagicCard) -> None:
        """Replace the world by its restored snapshot; both reply alike, byte for byte."""
        twin = self.desk.twin()
        body = documented_create(card_number=card.number, cvc=CVC4 if card.name == "amex" else CVC3)
        said = [(each.ask("create_payment", body), each.ask("list_payments"))
                for each in (self.desk, twin)]  # fmt: skip

        assert said[0] == said[1]
        assert written(twin.world) == written(self.world)
        self.desk = twin

    @invariant()
    def money_is_right(self) -> None:
        """Acknowledged amounts are stored, and never more than was paid."""
        for payment in everyone(self.world):
            assert payment.refunded == self.refunded[payment.id]
            assert 0 <= payment.refunded + payment.charged_back <= payment.amount
            if payment.refunded or payment.charged_back:
                assert payment.status is Status.COMPLETED

    @invariant()
    def each_change_has_one_event(self) -> None:
        """One for each settled payment, each refund and each chargeback."""
        ledger = self.world.ledger
        events = [ledger.event(number) for number in range(ledger.events)]
        told = Counter((event.payment_id, event.type) for event in events)
        money = Counter[tuple[str, EventType]]()
        for event in events:
            if event.reversal is not None:
                money[event.payment_id, event.type] += event.amount

        for payment in everyone(self.world):
            key = payment.id
            assert told[key, EventType.PAYMENT_COMPLETED] == (payment.status is Status.COMPLETED)
            assert told[key, EventType.PAYMENT_FAILED] == (payment.status is Status.FAILED)
            assert money[key, EventType.REFUND_CREATED] == payment.refunded
            assert money[key, EventType.CHARGEBACK_CREATED] == payment.charged_back
        reversals = sum(event.reversal is not None for event in events)
        assert reversals == ledger.refunds + ledger.chargebacks

    @invariant()
    def ids_are_unique(self) -> None:
        """Those of payments, events, refunds and chargebacks together."""
        ledger = self.world.ledger
        events = [ledger.event(number) for number in range(ledger.events)]
        reversals = [event.reversal.id for event in events if event.reversal is not None]
        ids: list[str] = [payment.id for payment in everyone(self.world)]
        ids += [*reversals, *(event.id for event in events)]

        assert len(set(ids)) == len(ids)
        assert set(self.ids) <= set(reversals)

    @invariant()
    def the_limiter_is_within_its_limit(self) -> None:
        """Requests remain between zero and the limit."""
        assert 0 <= self.world.limiter.remaining <= self.world.limiter.limit

    def teardown(self) -> None:
        """No output of the world contains a card number or a security code."""
        shown = all_outputs(self.world)

        assert leaks(shown) == []
        assert codes_in(shown) == []


def everyone(world: World) -> list[Payment]:
    """Return every payment."""
    payments = world.ledger.payments
    return [payments.get(number) for number in range(len(payments))]


def written(world: World) -> str:
    """Return a snapshot as JSON."""
    return json.dumps(snapshot(world))


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(
    max_examples=min(settings().max_examples // 8, 200), stateful_step_count=40
)


def test_the_state_machine_detects_a_refund_of_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one comparison loosened, in the one place that enforces it, the machine fails."""

    def loose(payment: Payment, amount: int | None) -> tuple[Payment, int]:
        wanted = payment.refundable if amount is None else amount
        if payment.status is not Status.COMPLETED or not 0 < wanted <= payment.refundable + 1:
            raise RefundRefused("refund_exceeds_payment", "Too much.")
        return payment._replace(refunded=payment.refunded + wanted), wanted

    monkeypatch.setattr(domain, "refund", loose)
    machine = LedgerMachine()
    machine.begin()
    payment_id = machine.create(MAGIC_CARDS[0], 100, None)
    machine.refund_what_is_left(payment_id, 1)
    with pytest.raises(AssertionError):
        machine.money_is_right()
