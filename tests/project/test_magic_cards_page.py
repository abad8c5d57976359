"""docs/magic-cards.md matches the cards of the code."""

from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from tests.project.tree import ROOT


def test_the_page_lists_exactly_the_magic_cards() -> None:
    """Name, number, brand and outcome are compared."""
    page = (ROOT / "docs" / "magic-cards.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    shown = [card.as_json() for card in MAGIC_CARDS]
    assert rows == [
        f"| `{card['name']}` | {card['number']} | {card['brand']} | {card['outcome']} |"
        for card in shown
    ]
