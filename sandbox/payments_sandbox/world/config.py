"""Owns what a world is made from: its own particulars, and what its server gives to all."""

from typing import TYPE_CHECKING, Final, NamedTuple

from payments_sandbox.core.instants import Instant
from payments_sandbox.core.masking import mask_text
from payments_sandbox.payments.payment_store import Represent
from payments_sandbox.world.clock import WallClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from payments_sandbox.rules.rule_engine import CardRules
    from payments_sandbox.rules.scenario import Scenario

DEFAULT_WEBHOOK_SECRET: Final = "whsec_cGF5bWVudHMtc2FuZGJveC1kZWZhdWx0LXNlY3JldCE="  # noqa: S105 - public by design
"""The home world's webhook secret: one documented constant, so that it survives restarts."""

NAME_LENGTH: Final = 500
"""Characters of a world's name that are kept."""


class WorldConfig(NamedTuple):
    """What a world is made from; equal ones and equal calls give equal bytes.

    Attributes:
        frozen_at: where its clock stands still; None lets it run.
        rate_limit: requests of a window.
        made_at: when it was made, on the wall.
        name: what reports and logs call it, masked; None where nobody has given it one.
    """

    api_key: str
    seed: int
    webhook_secret: str
    frozen_at: Instant | None
    rate_limit: int
    made_at: Instant
    name: str | None = None

    @property
    def title(self) -> str:
        """The world as logs show it: its name and key, or the key alone."""
        return self.api_key if self.name is None else f"{self.name} ({self.api_key})"


class ServerContext(NamedTuple):
    """What holds in every world of a server: its real time, its contract, its cards' rules.

    Attributes:
        read_scenario: reads a scenario as a snapshot has it, or raises ValueError.
        scenarios: what is active in every world from its start.
        webhooks: the urls that every world has an endpoint for, with the home world's secret.
        public_webhooks: whether webhooks may leave for the public internet.
        card_rules: of the magic cards; None are those of `rules/magic_cards.py`.
        report_bug: told of what a rule has raised, which is a bug of ours and ends nothing else.
    """

    wall: WallClock
    represent: Represent
    read_scenario: "Callable[[object], Scenario]"
    webhooks: tuple[str, ...] = ()
    public_webhooks: bool = False
    scenarios: "tuple[Scenario, ...]" = ()
    card_rules: "CardRules | None" = None
    report_bug: "Callable[[Exception], None]" = lambda _: None


def world_name(text: str) -> str:
    """The name that a world is given: masked, on one line, and not longer than is shown."""
    shown = (each if each.isprintable() else ascii(each)[1:-1] for each in mask_text(text))
    return "".join(shown)[:NAME_LENGTH]
