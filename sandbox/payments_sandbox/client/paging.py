"""Owns the reading of whole lists: page after page, as long as there are more."""

from collections.abc import Iterator
from typing import Final, Protocol, TypeVar

from payments_sandbox.client.models import Page

LARGEST_PAGE: Final = 1_000
"""Items that a page of the control API has at most."""

T = TypeVar("T")


class ListPage(Protocol[T]):
    """A method of the client that gives a page of a list."""

    def __call__(self, *, limit: int, starting_after: str | None) -> Page[T]:
        """Ask for one page."""


def every(list_page: ListPage[T]) -> Iterator[T]:
    """Yield all items of a list, in the order of its pages."""
    cursor: str | None = None
    while True:
        page = list_page(limit=LARGEST_PAGE, starting_after=cursor)
        yield from page["data"]
        if (cursor := page["next_cursor"]) is None:
            return
