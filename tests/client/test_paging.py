"""Tests reading a whole list of the control API, page after page."""

from typing import cast

from payments_sandbox.client.messages import every
from payments_sandbox.client.models import Page


def test_all_pages_of_a_list_are_read() -> None:
    pages = {None: (["a", "b"], "b"), "b": (["c"], None)}

    def list_page(*, limit: int, starting_after: str | None) -> Page[str]:
        assert limit == 1_000
        data, cursor = pages[starting_after]
        page = {"data": data, "has_more": cursor is not None, "next_cursor": cursor}
        return cast("Page[str]", page)

    assert list(every(list_page)) == ["a", "b", "c"]
