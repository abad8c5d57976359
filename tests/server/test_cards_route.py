"""Tests GET cards: the whole table of magic cards."""

from payments_sandbox.core.card_numbers import brand_of, passes_luhn
from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from tests.support.http import Api, Control, ask

FIELDS = ["name", "number", "brand", "operation", "outcome", "description"]


async def test_all_magic_cards_are_listed_on_one_page(control: Control) -> None:
    """In the table's order."""
    cards = await control("list_cards")
    assert cards == {
        "data": [card.as_json() for card in MAGIC_CARDS],
        "has_more": False,
        "next_cursor": None,
    }
    assert len(cards["data"]) == 34


async def test_each_magic_card_has_six_fields_and_a_unique_name_and_number(
    control: Control,
) -> None:
    cards = (await control("list_cards"))["data"]
    assert [list(card) for card in cards] == [FIELDS] * len(cards)
    for field in ("name", "number"):
        assert len({card[field] for card in cards}) == len(cards)


async def test_each_magic_card_number_is_valid_for_its_brand(control: Control) -> None:
    """So that client-side checks accept it."""
    for card in (await control("list_cards"))["data"]:
        assert (brand_of(card["number"]), passes_luhn(card["number"])) == (card["brand"], True)


async def test_the_first_magic_card_is_the_documented_one(control: Control) -> None:
    assert (await control("list_cards"))["data"][0] == {
        "name": "visa",
        "number": "4111111111111111",
        "brand": "visa",
        "operation": "create_payment",
        "outcome": "completed",
        "description": "An ordinary Visa card: the payment completes.",
    }


async def test_listing_the_cards_needs_no_key_and_is_not_journalled(
    api: Api, control: Control
) -> None:
    await ask(api, "GET", "/_sandbox/cards", headers={"Authorization": "Bearer sk_test_new"})
    assert (await control("list_requests"))["data"] == []
