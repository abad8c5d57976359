"""Tests one page of a list, by `limit` and `starting_after`."""

from types import SimpleNamespace
from typing import Any

import pytest

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.server.control.control_request import ControlRequest
from payments_sandbox.server.control.page import Listing, page

LETTERS = "abcde"


def shown(letter: str) -> dict[str, object]:
    """Return the JSON of an item."""
    return {"id": letter}


def after(position: int | None) -> str:
    """Return the letters after a position."""
    return LETTERS[0 if position is None else position + 1 :]


LISTING = Listing(
    noun="a letter",
    position_of=lambda letter: LETTERS.find(letter) if letter in LETTERS else None,
    items_after=after,
    show=shown,
)


def asked(**query: object) -> ControlRequest:
    """Return a request with this query; a page needs nothing else of it."""
    nothing: Any = None
    http: Any = SimpleNamespace(path="/_sandbox/letters")
    return ControlRequest(
        settings=nothing, contract=nothing, runtime=nothing, http=http, body={}, query=query
    )


def test_a_page_with_more_items_has_its_last_id_as_the_next_cursor() -> None:
    found = page(asked(limit=2), LISTING)
    assert found == {"data": [{"id": "a"}, {"id": "b"}], "has_more": True, "next_cursor": "b"}


@pytest.mark.parametrize(("start", "letters"), [("c", "de"), ("d", "e"), ("e", "")])
def test_the_last_page_has_no_next_cursor(start: str, letters: str) -> None:
    """Even if it is full or empty."""
    found = page(asked(limit=2, starting_after=start), LISTING)
    assert found == {"data": [*map(shown, letters)], "has_more": False, "next_cursor": None}


def test_an_unknown_cursor_is_rejected_with_the_noun_and_route_of_the_list() -> None:
    with pytest.raises(InvalidRequest) as caught:
        page(asked(limit=2, starting_after="z"), LISTING)
    assert caught.value.details == (
        "/starting_after: expected the id of a letter; GET /_sandbox/letters returns the first"
        " page."
    )


def test_a_list_may_use_cursors_other_than_ids() -> None:
    """If its items have no id."""
    listing = Listing(
        noun="a letter",
        position_of=int,
        items_after=after,
        show=shown,
        cursor_of=lambda letter: str(LETTERS.index(letter)),
    )
    assert page(asked(limit=2, starting_after="0"), listing)["next_cursor"] == "2"
