"""Owns the route of the magic cards."""

from payments_sandbox.contract import representations
from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from payments_sandbox.server.control.control_request import ControlRequest


def list_cards(_: ControlRequest) -> dict[str, object]:
    """List every magic card."""
    return representations.page([card.as_json() for card in MAGIC_CARDS], has_more=False)
