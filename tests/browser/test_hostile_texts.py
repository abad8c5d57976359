"""What others have written into the dashboard's addresses, texts, answers and tokens."""

import re
from typing import TYPE_CHECKING

import pytest
import requests

from payments_sandbox.testing import Sandbox, running_sandbox
from tests.support.values import documented_create

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

OVERRIDE = "\u202e"
"""What turns the order of all letters behind it."""


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
def test_an_address_that_leads_nowhere_leaves_the_page_whole(
    page: "Page", world: Sandbox, parts: tuple[str, ...]
) -> None:
    page.goto(address(world, *parts))
    page.get_by_role("link", name="Payments", exact=True).click()
    page.get_by_role("heading", name="Payments", exact=True).wait_for()
    assert page.locator("header").count() == 1


def test_a_key_that_nobody_has_is_told(page: "Page", world: Sandbox) -> None:
    page.goto(f"{world.sandbox_url}/#/w/%E2%82%AC/payments")
    page.get_by_role("main").get_by_text("The API key is missing or invalid").wait_for()


def test_a_view_that_breaks_down_leaves_the_others(page: "Page", world: Sandbox) -> None:
    """A proxy, or a server of another version, may answer anything."""

    def answer(route: "Route") -> None:
        route.fulfill(status=200, content_type="application/json", body='{"request": {}}')

    page.route("**/_sandbox/requests/req_*", answer)
    page.goto(address(world, "requests", "req_0"))
    page.get_by_role("main").get_by_role("alert").wait_for()
    page.unroute("**/_sandbox/requests/req_*")
    page.get_by_role("link", name="Payments", exact=True).click()
    page.get_by_role("heading", name="Payments", exact=True).wait_for()


def test_a_text_without_a_blank_makes_no_view_wider(own_page: "Page", world: Sandbox) -> None:
    page = own_page
    for path in ("x" * 3_000, "payments/" + "y" * 500):
        requests.get(f"{world.base_url}/{path}", headers=world.headers, timeout=30)
    payment = pay(world, description="w" * 500)
    views = [("requests", each["id"]) for each in world.requests] + [("payments", payment)]
    sizes: dict[tuple[str, ...], list[list[int]]] = {}
    for view in views:
        page.goto(address(world, *view))
        page.get_by_role("main").get_by_role("heading").first.wait_for()
        sizes[view] = [size_of(page, width) for width in (320, 1200)]
        page.goto("about:blank")
    assert sizes == {view: [[320, 320], [1200, 1200]] for view in views}


SIZE = """(width) => new Promise((done) => {
  const look = () => innerWidth === width
    ? done([document.documentElement.scrollWidth, innerWidth])
    : requestAnimationFrame(look);
  look();
})"""


def size_of(page: "Page", width: int) -> list[int]:
    """How wide a page is in a window of a width, and the window."""
    page.set_viewport_size({"width": width, "height": 800})
    found: list[int] = page.evaluate(SIZE, width)
    return found


def test_what_turns_letters_around_is_shown_and_turns_nothing(page: "Page", world: Sandbox) -> None:
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


def test_a_wrong_token_is_told_and_any_token_can_be_given(browser: "Browser") -> None:
    """A header of fetch takes no letters beyond Latin-1 as they are."""
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
            page.get_by_role("alert").get_by_text(re.compile("is another one")).wait_for()
        field.fill("geheim-ß-€")
        field.press("Enter")
        page.get_by_role("heading", name="Worlds").wait_for()
        context.close()
