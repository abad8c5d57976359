"""Owns the exercise of a world: a bit of everything that can be asked of it, and all it shows."""

import json
from typing import Any

from payments_sandbox.contract import representations
from payments_sandbox.core.instants import DAY, Instant
from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from payments_sandbox.server.access_log import log_line
from payments_sandbox.server.journal_json import entry_json
from payments_sandbox.world.snapshot import snapshot
from payments_sandbox.world.world import World
from tests.support.bodies import documented_create, documented_refund
from tests.support.in_process import Desk

NUMBER_OF = {card.name: card.number for card in MAGIC_CARDS}
PAID = (
    "visa", "chargeback_fraudulent", "pending_then_completed", "pending_then_failed", "declined",
    "fails_twice_then_completes", "refund_declined",
)  # fmt: skip


def busy(world: World) -> Desk:
    """The desk of a world in which a bit of everything has happened."""
    desk = Desk(world)
    for name in PAID:
        desk.ask("create_payment", documented_create(card_number=NUMBER_OF[name]))
    payments = desk.world.ledger.payments
    for number in range(3):
        desk.ask("create_refund", documented_refund(), payment_id=payments.id_of(number))
    desk.ask("create_payment", b'{"card_number": "41')
    desk.world.charge_back(0, 5, "fraudulent")
    return desk


def everything(desk: Desk) -> list[Any]:
    """What a world answers to a bit of everything; equal worlds answer the same."""
    said: list[Any] = [desk.ask("list_payments", query="limit=100")]
    said += [
        desk.ask("create_payment", documented_create(card_number=NUMBER_OF[name])) for name in PAID
    ]
    said += list(desk.world.advance(Instant(desk.world.clock.now() + 2 * DAY)))
    ledger = desk.world.ledger
    for number in range(len(ledger.payments)):
        payment_id = ledger.payments.id_of(number)
        said.append(desk.ask("retrieve_payment", payment_id=payment_id))
        said.append(desk.ask("create_refund", {}, payment_id=payment_id))
    return [*said, *outputs(desk.world)]


def outputs(world: World) -> list[Any]:
    """All that a world can show: events, journal, log, snapshot, and itself."""
    journal, ledger = world.journal, world.ledger
    shown: list[Any] = [representations.event(ledger.any_event(n)) for n in range(ledger.events)]
    for entry in journal.since(0):
        shown += [entry_json(journal, entry), log_line(entry)]
    return [*shown, world.upcoming(100), json.loads(json.dumps(snapshot(world))), repr(world)]
