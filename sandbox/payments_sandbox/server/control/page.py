"""Owns the pages of the control API's lists: `limit`, `starting_after` and the next cursor."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.server.control.control_request import ControlRequest

T = TypeVar("T")


class Listing(NamedTuple, Generic[T]):
    """A list that a route shows in pages.

    Attributes:
        noun: what an item is, such as `an event`, for error messages.
        position_of: returns the position of the item that a cursor names, or None if there is none.
        items_after: yields the items behind a position, in the order of the list; None means all.
        show: returns the JSON of an item.
        cursor_of: returns the cursor of an item; by default, the `id` in its JSON.
    """

    noun: str
    position_of: Callable[[str], int | None]
    items_after: Callable[[int | None], Iterable[T]]
    show: Callable[[T], dict[str, object]]
    cursor_of: Callable[[T], str] | None = None


def empty_listing(noun: str) -> Listing[dict[str, object]]:
    """Make a listing without items, which refuses every cursor; `noun` is what they would be."""
    return Listing(
        noun=noun,
        position_of=lambda _: None,
        items_after=lambda _: (),
        show=lambda each: each,
    )


def page(request: ControlRequest, listing: Listing[T]) -> dict[str, object]:
    """Return the page that the query's `limit` and `starting_after` ask for.

    Raises:
        InvalidRequest: `starting_after` names no item.
    """
    position, start = None, request.query.get("starting_after")
    if start is not None and (position := listing.position_of(start)) is None:
        raise InvalidRequest(
            f"/starting_after: expected the id of {listing.noun};"
            f" GET {request.http.path} returns the first page."
        )
    limit: int = request.query["limit"]
    found = list(islice(listing.items_after(position), limit + 1))
    data = [listing.show(each) for each in found[:limit]]
    next_cursor: object = None
    if len(found) > limit:
        last = found[limit - 1]
        next_cursor = data[-1]["id"] if listing.cursor_of is None else listing.cursor_of(last)
    return {"data": data, "has_more": len(found) > limit, "next_cursor": next_cursor}
