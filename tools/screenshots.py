"""Takes the pictures of the dashboard in docs/images: `make screenshots`, with a Chromium.

The world of the pictures has a fixed seed and clock, so that they change with the page alone.
"""

import contextlib
from pathlib import Path
from typing import Final

import httpx
from playwright.sync_api import Page, sync_playwright

from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from payments_sandbox.testing import Sandbox, running_sandbox
from tools.chromium import start_chromium

FOLDER: Final = Path(__file__).parents[1] / "docs" / "images"
CARDS: Final = ("visa", "declined", "pending_then_completed", "mastercard")


def main() -> None:
    """Fill a world, look at it, and write the pictures."""
    FOLDER.mkdir(exist_ok=True)
    with running_sandbox(seed=7) as server, sync_playwright() as playwright:
        browser = start_chromium(playwright)
        page = browser.new_page(viewport={"width": 960, "height": 560})
        with server.new_world(seed=7, clock="2030-01-15T09:00:00Z") as world:
            _fill(world)
            _take(page, world, "now")
            lost = next(each["id"] for each in world.requests if each["fault"])
            _take(page, world, "requests", lost)
        browser.close()


def _fill(world: Sandbox) -> None:
    numbers = {card.name: card.number for card in MAGIC_CARDS}
    world.inbox("orders")
    with httpx.Client(headers=world.headers, timeout=10) as client:
        for number, card in enumerate(CARDS):
            _pay(client, world, numbers[card], f"cust_{number}")
        world.use("lost-reply")
        for _ in range(2):
            with contextlib.suppress(httpx.TransportError):
                _pay(client, world, numbers["visa"], "cust_ada")


def _pay(client: httpx.Client, world: Sandbox, number: str, customer: str) -> None:
    card = {"type": "card", "card_number": number, "exp_month": 12, "exp_year": 2040, "cvc": "123"}
    body = {"amount": 2_500, "currency": "EUR", "customer_id": customer, "payment_method": card}
    client.post(f"{world.base_url}/payments", json=body)


def _take(page: Page, world: Sandbox, view: str, *ids: str) -> None:
    page.goto("/".join((f"{world.sandbox_url}/#/w", world.api_key, view, *ids)))
    page.locator("main h3, main .row.delivery").first.wait_for()
    path = FOLDER / f"dashboard-{view}.png"
    page.screenshot(path=path)
    print(f"{path.relative_to(FOLDER.parents[1])}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
