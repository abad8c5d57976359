"""Owns the rows of docs/magic-cards.md, which are generated from the cards."""

from collections.abc import Iterator, Mapping
from typing import Final

from payments_sandbox.rules.magic_cards import MAGIC_CARDS

PAGE: Final = "docs/magic-cards.md"


def texts(made: Mapping[str, str]) -> dict[str, str]:
    """Make the text of the page; a card without a row gets one after the card before it."""
    return {PAGE: "\n".join(_lines(made[PAGE].splitlines())) + "\n"}


def _lines(lines: list[str]) -> Iterator[str]:
    rows = {str(card["name"]): _row(card) for card in (each.as_json() for each in MAGIC_CARDS)}
    names = list(rows)
    on_page = {_name(line) for line in lines}
    for line in lines:
        if (name := _name(line)) is None:
            yield line
        elif name in rows:
            yield rows[name]
            for following in names[names.index(name) + 1 :]:
                if following in on_page:
                    break
                yield rows[following]


def _name(line: str) -> str | None:
    """The name of the card whose row a line of the page is; None for other lines."""
    return line.split("`")[1] if line.startswith("| `") else None


def _row(card: dict[str, str]) -> str:
    return f"| `{card['name']}` | {card['number']} | {card['brand']} | {card['outcome']} |"
