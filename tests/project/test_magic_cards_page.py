"""docs/magic-cards.md says of each card what the code does."""

from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from tests.project.tree import ROOT


def test_the_page_has_exactly_the_rows_of_the_table() -> None:
    """A card without its row, or a row without its card, fails the build."""
    page = (ROOT / "docs" / "magic-cards.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    shown = [card.as_json() for card in MAGIC_CARDS]
    assert rows == [
        f"| `{card['name']}` | {card['number']} | {card['brand']} | {card['outcome']} |"
        for card in shown
    ]
