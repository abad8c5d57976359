"""GET cards: the whole table of magic cards, as everybody lists it."""

from payments_sandbox.core.card_numbers import brand_of, passes_luhn
from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from tests.support.http import Api, Control, ask

FIELDS = ["name", "number", "brand", "operation", "outcome", "description"]


async def test_the_cards_come_on_one_page(control: Control) -> None:
    """One page with every card, in the table's order."""
    cards = await control("list_cards")
    assert cards == {
        "data": [card.as_json() for card in MAGIC_CARDS],
        "has_more": False,
        "next_cursor": None,
    }
    assert len(cards["data"]) == 34


async def test_each_card_has_six_fields(control: Control) -> None:
    """In the order of the documents; names and numbers are unique."""
    cards = (await control("list_cards"))["data"]
    assert [list(card) for card in cards] == [FIELDS] * len(cards)
    for field in ("name", "number"):
        assert len({card[field] for card in cards}) == len(cards)


async def test_each_number_is_one_of_its_brand(control: Control) -> None:
    """Brand, length and check digit are right, so that client-side checks accept the number."""
    for card in (await control("list_cards"))["data"]:
        assert (brand_of(card["number"]), passes_luhn(card["number"])) == (card["brand"], True)


async def test_the_first_card_is_the_documented_one(control: Control) -> None:
    """The first card is the API documentation's own."""
    assert (await control("list_cards"))["data"][0] == {
        "name": "visa",
        "number": "4111111111111111",
        "brand": "visa",
        "operation": "create_payment",
        "outcome": "completed",
        "description": "An ordinary Visa card: the payment completes.",
    }


async def test_the_cards_need_neither_a_key_nor_a_world(api: Api, control: Control) -> None:
    """The table is the server's: asking for it makes no world and journals nothing."""
    await ask(api, "GET", "/_sandbox/cards", headers={"Authorization": "Bearer sk_test_new"})
    assert (await control("list_requests"))["data"] == []
