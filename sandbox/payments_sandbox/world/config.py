"""Owns what a world is made from: its own particulars, and what its server gives to all."""

from base64 import b64encode
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from payments_sandbox.core.instants import Instant
from payments_sandbox.payments.payment_store import Represent
from payments_sandbox.world.clock import WallClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from payments_sandbox.rules.rule_engine import CardRules
    from payments_sandbox.rules.scenario import Scenario


class WorldConfig(NamedTuple):
    """What a world is made from; equal births and equal calls give equal bytes."""

    api_key: str
    seed: int
    webhook_secret: str
    frozen_at: Instant | None
    rate_limit: int
    made_at: Instant


class ServerContext(NamedTuple):
    """What holds in every world of a server: its real time, its contract, its cards' rules.

    Attributes:
        read_scenario: reads a scenario as a snapshot has it, or raises ValueError.
        scenarios: what is active in every world from its start.
        webhooks: the urls that every world has an endpoint for, signed with `webhook_secret`.
        public_webhooks: whether webhooks may leave for the public internet.
        card_rules: of the magic cards; None are those of `rules/magic_cards.py`.
        report_bug: told of what a rule has raised, which is a bug of ours and ends nothing else.
    """

    wall: WallClock
    represent: Represent
    read_scenario: "Callable[[object], Scenario]"
    webhooks: tuple[str, ...] = ()
    webhook_secret: str = ""
    public_webhooks: bool = False
    scenarios: "tuple[Scenario, ...]" = ()
    card_rules: "CardRules | None" = None
    report_bug: "Callable[[Exception], None]" = lambda _: None


def secret_of(seed: int) -> str:
    """The webhook secret that a seed gives: `whsec_` and base64 of 32 bytes."""
    digest = blake2b(f"webhook secret\0{seed}".encode(), digest_size=32).digest()
    return f"whsec_{b64encode(digest).decode()}"
