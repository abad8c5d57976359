"""Tests concurrent refunds of one payment, and that the checks would find a wrong ledger."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from payments_sandbox.payments.events import EventType
from payments_sandbox.server.factory import AssembledServer
from payments_sandbox.world.world import World
from tests.support.http import Api, paid
from tests.support.values import KEY


@dataclass(frozen=True)
class RefundResult:
    """The amounts that one client requested and got refunded; 0 if it was rejected."""

    wanted: int
    given: int


@dataclass(frozen=True)
class Books:
    """The state of one payment after the race."""

    amount: int
    refunded: int
    events: int


def findings(books: Books, told: Iterable[RefundResult]) -> list[str]:
    """Return what is wrong with the books."""
    made = [each for each in told if each.given]
    given = sum(each.given for each in made)
    checks = {
        "more was given back than was paid": given <= books.amount,
        "the payment does not know what was given back": books.refunded == given,
        "a refund has no event of its own": books.events == len(made),
        "a client was given what it did not ask for": all(
            each.given == each.wanted for each in made
        ),
        "a refund was refused that would have fitted": all(
            each.given or each.wanted > books.amount - given for each in told
        ),
    }
    return [finding for finding, holds in checks.items() if not holds]


CLIENTS, WANTED, AMOUNT = 500, 7, 1_000
FITTING = AMOUNT // WANTED

Refund = Callable[[int], Awaitable[int]]
"""Asks for an amount; returns what was given, 0 where it was refused."""


async def race(refund: Refund, wanted: list[int]) -> list[RefundResult]:
    """Return what each client was given, with all of them asking at once."""
    given = await asyncio.gather(*map(refund, wanted))
    return [RefundResult(*each) for each in zip(wanted, given, strict=True)]


def over_http(api: Api, payment_id: str) -> Refund:
    """Return a client of POST /payments/{payment_id}/refunds."""

    async def refund(amount: int) -> int:
        path = f"/v3/payments/{payment_id}/refunds"
        async with api.post(path, json={"amount": amount}) as reply:
            said = await reply.json()
            assert reply.status in (201, 400), said
            return int(said["amount"]) if reply.status == 201 else 0

    return refund


def books_of(world: World, payment_id: str) -> Books:
    """Return what the ledger has kept of a payment."""
    payment = world.ledger.payments.get(world.ledger.number_of(payment_id))
    events = (world.ledger.event(number) for number in range(world.ledger.events))
    told = Counter(each.type for each in events if each.payment_id == payment_id)
    return Books(payment.amount, payment.refunded, told[EventType.REFUND_CREATED])


async def test_of_500_simultaneous_refunds_exactly_as_many_succeed_as_fit(
    api: Api, world: World
) -> None:
    """142 refunds of 7 from a payment of 1000, and 6 is left."""
    payment = await paid(api, amount=AMOUNT)
    told = await race(over_http(api, payment["id"]), [WANTED] * CLIENTS)
    books = books_of(world, payment["id"])

    assert sum(each.given > 0 for each in told) == FITTING == 142
    assert books == Books(AMOUNT, FITTING * WANTED, FITTING)
    assert findings(books, told) == []


async def test_simultaneous_refunds_of_different_sizes_add_up_for_each_payment(
    api: Api, sandbox: AssembledServer
) -> None:
    payments = [await paid(api, amount=AMOUNT) for _ in range(5)]
    ids = [payment["id"] for payment in payments]
    wanted = [1 + 7 * number % 97 for number in range(60)]
    told = await asyncio.gather(*(race(over_http(api, each), wanted) for each in ids))
    world = sandbox.runtime.worlds.get_or_create(KEY)

    assert [
        findings(books_of(world, each), said) for each, said in zip(ids, told, strict=True)
    ] == [[] for _ in ids]


class NaiveLedger:
    """A wrong ledger: it awaits between reading and writing."""

    def __init__(self, amount: int) -> None:
        self.amount = amount
        self.refunded = 0
        self.events = 0

    async def refund(self, wanted: int) -> int:
        """Look, wait for a disk that is far away, then write."""
        refunded = self.refunded
        if refunded + wanted > self.amount:
            return 0
        await _far_away()
        self.refunded = refunded + wanted
        self.events += 1
        return wanted


async def test_the_race_findings_detect_a_ledger_that_awaits_between_read_and_write() -> None:
    """It refunds to all 500 clients, and records one refund."""
    naive = NaiveLedger(AMOUNT)
    told = await race(naive.refund, [WANTED] * CLIENTS)
    books = Books(naive.amount, naive.refunded, naive.events)

    assert sum(each.given > 0 for each in told) == CLIENTS
    assert books == Books(AMOUNT, WANTED, CLIENTS)
    assert findings(books, told) == [
        "more was given back than was paid",
        "the payment does not know what was given back",
    ]


def test_the_race_findings_name_each_mistake_in_the_books() -> None:
    good = [RefundResult(7, 7), RefundResult(7, 0)]

    assert findings(Books(10, 7, 1), good) == []
    assert findings(Books(10, 6, 1), good) == ["the payment does not know what was given back"]
    assert findings(Books(10, 7, 2), good) == ["a refund has no event of its own"]
    assert findings(Books(14, 7, 1), good) == ["a refund was refused that would have fitted"]
    assert findings(Books(10, 5, 1), [RefundResult(7, 5)]) == [
        "a client was given what it did not ask for"
    ]
    assert findings(Books(5, 7, 1), [RefundResult(7, 7)]) == ["more was given back than was paid"]


async def _far_away() -> None:
    """One turn of the event loop: enough for every other client to look, too."""
    turned = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(turned.set_result, None)
    await turned
