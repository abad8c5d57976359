"""Hostile addresses, texts, replies and tokens in the dashboard."""

import re
from typing import TYPE_CHECKING

import pytest
import requests

from payments_sandbox.testing import Sandbox, running_sandbox
from tests.support.values import documented_create

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

OVERRIDE = "\u202e"
"""Reverses the order of all letters after it."""


def address(world: Sandbox, *parts: str) -> str:
    return "/".join((f"{world.sandbox_url}/#/w", world.api_key, *parts))


def pay(world: Sandbox, **changes: object) -> str:
    body = documented_create(**changes)
    url = f"{world.base_url}/payments"
    reply = requests.post(url, json=body, headers=world.headers, timeout=30)
    return str(reply.json()["id"])


@pytest.mark.parametrize(
    "parts", [("%",), ("requests", "%E0%A4%A"), ("constructor",), ("__proto__", "x"), ("toString",)]
)
def test_the_page_still_works_after_an_address_that_is_no_view(
    page: "Page", world: Sandbox, parts: tuple[str, ...]
) -> None:
    page.goto(address(world, *parts))
    page.get_by_role("link", name="Payments", exact=True).click()
    page.get_by_role("heading", name="Payments", exact=True).wait_for()
    assert page.locator("header").count() == 1


def test_an_address_with_an_invalid_key_shows_the_error_of_the_server(
    page: "Page", world: Sandbox
) -> None:
    page.goto(f"{world.sandbox_url}/#/w/%E2%82%AC/payments")
    page.get_by_role("main").get_by_text("The API key is missing or invalid").wait_for()


def test_a_view_that_fails_on_an_unexpected_reply_shows_an_alert_and_others_still_work(
    page: "Page", world: Sandbox
) -> None:
    """As a proxy or a server of another version may reply."""

    def answer(route: "Route") -> None:
        route.fulfill(status=200, content_type="application/json", body='{"request": {}}')

    page.route("**/_sandbox/requests/req_*", answer)
    page.goto(address(world, "requests", "req_0"))
    page.get_by_role("main").get_by_role("alert").wait_for()
    page.unroute("**/_sandbox/requests/req_*")
    page.get_by_role("link", name="Payments", exact=True).click()
    page.get_by_role("heading", name="Payments", exact=True).wait_for()


def test_long_texts_without_spaces_make_no_view_wider_than_the_screen(
    page: "Page", world: Sandbox
) -> None:
    for path in ("x" * 3_000, "payments/" + "y" * 500):
        requests.get(f"{world.base_url}/{path}", headers=world.headers, timeout=30)
    payment = pay(world, description="w" * 500)
    views = [("requests", each["id"]) for each in world.requests] + [("payments", payment)]
    sizes: dict[tuple[str, ...], list[list[int]]] = {}
    for view in views:
        page.goto(address(world, *view))
        page.locator("main h2 small", has_text=view[1]).wait_for()
        sizes[view] = [size_of(page, width) for width in (320, 1200)]
    assert sizes == {view: [[320, 320], [1200, 1200]] for view in views}


SIZE = """(width) => new Promise((done) => {
  const look = () => innerWidth === width
    ? done([document.documentElement.scrollWidth, innerWidth])
    : requestAnimationFrame(look);
  look();
})"""


def size_of(page: "Page", width: int) -> list[int]:
    """Return the width of the page in a window of this width, and that of the window."""
    page.set_viewport_size({"width": width, "height": 800})
    found: list[int] = page.evaluate(SIZE, width)
    return found


def test_direction_overrides_and_control_characters_are_shown_escaped(
    page: "Page", world: Sandbox
) -> None:
    payment = pay(world, customer_id=f"cust_{OVERRIDE}x", description=f"a{OVERRIDE}b\x07\x7fc")
    page.goto(address(world))
    row = page.locator(".row.request")
    row.wait_for()
    assert r"cust_\u202ex" in row.inner_text()
    row.click()
    page.get_by_role("region", name="Request body").wait_for()
    assert r'"description": "a\u202eb\u0007\u007fc"' in page.get_by_role("main").inner_text()
    page.goto(address(world, "payments"))
    page.get_by_role("cell", name=r"cust_\u202ex").wait_for()
    page.goto(address(world, "payments", payment))
    page.get_by_text(r"a\u202eb\u0007\u007fc").wait_for()
    assert OVERRIDE not in page.content()


def test_a_wrong_control_token_shows_an_alert_and_one_beyond_latin_1_is_accepted(
    browser: "Browser",
) -> None:
    """Headers of fetch take only Latin-1 as it is."""
    with running_sandbox(control_token="geheim-ß-€") as server:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{server.sandbox_url}/")
        field = page.get_by_role("textbox", name="Control token")
        field.wait_for()
        assert page.get_by_role("alert").count() == 0
        for wrong in ("wrong", "\u20ac"):
            field.fill(wrong)
            field.press("Enter")
            page.get_by_role("alert").get_by_text(re.compile("token is wrong")).wait_for()
        field.fill("geheim-ß-€")
        field.press("Enter")
        page.get_by_role("heading", name="Worlds").wait_for()
        context.close()
