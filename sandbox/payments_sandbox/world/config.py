"""Owns what a world is made from: its own configuration, and what all worlds of a server share."""

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
"""The home world's webhook secret: a documented constant, so that it survives restarts."""

NAME_LENGTH: Final = 500
"""How many characters of a world's name are kept."""


class WorldConfig(NamedTuple):
    """What a world is made from; with equal calls, equal configurations give equal bytes.

    Attributes:
        frozen_at: the instant at which its clock stands still; None lets it run.
        rate_limit: how many requests a window has.
        made_at: when it was made, by wall time.
        name: its name in reports and logs, masked; None if it has none.
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
    """What all worlds of a server share, such as the wall clock.

    Attributes:
        wall: returns the real time.
        represent: writes a payment as the ledger stores it.
        read_scenario: parses a scenario from a snapshot, or raises ValueError.
        scenarios: the scenarios that are active in every world from its start.
        webhooks: the URLs for which every world has an endpoint, with the home world's secret.
        public_webhooks: whether webhooks may be sent to the public internet.
        card_rules: the rules of the magic cards; None stands for those of `rules/magic_cards.py`.
        report_bug: called with any exception from a rule; it is our bug, and the world goes on.
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
    """Make a name fit to be shown: masked, printable on one line, and of limited length."""
    shown = (each if each.isprintable() else ascii(each)[1:-1] for each in mask_text(text))
    return "".join(shown)[:NAME_LENGTH]
