"""Takes the dashboard's screenshots in docs/images: `make screenshots`, which needs a Chromium.

Their world has a fixed seed and clock. Between runs, only ports, durations and the distance to
real time differ.
"""

import base64
import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import httpx
from playwright.sync_api import FloatRect, Locator, Page, ViewportSize, sync_playwright

from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from payments_sandbox.testing import Sandbox, running_sandbox
from tools.chromium import start_chromium

FOLDER: Final = Path(__file__).parents[1] / "docs" / "images"
TEXT: Final = """\
scenario: my-scenario
rules:
  - request: create_payment
    when: {amount: {gte: 5000}}
    do:
      - hold: {for: 10m}
      - {respond: {error: """
"""The text that is completed in the screenshot of the editor."""

WEBP: Final = """async (png) => {
  const picture = new Image();
  picture.src = `data:image/png;base64,${png}`;
  await picture.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [picture.width, picture.height];
  canvas.getContext("2d").drawImage(picture, 0, 0);
  return canvas.toDataURL("image/webp", 0.8);
}"""
"""Converts a picture to WebP, which takes a third of the bytes."""

SIZE: Final[ViewportSize] = {"width": 1120, "height": 600}
KEY: Final = "sk_test_pictures"
CARDS: Final = ("visa", "declined", "pending_then_completed", "mastercard")


def main() -> None:
    """Fill a world, open its pages, and write the screenshots."""
    FOLDER.mkdir(exist_ok=True)
    with running_sandbox(seed=7) as server, sync_playwright() as playwright:
        browser = start_chromium(playwright)
        page = browser.new_context(viewport=SIZE).new_page()
        with server.new_world(key=KEY, seed=7, clock="2030-01-15T09:00:00Z") as world:
            _fill(world)
            _take(page, world, "now")
            lost = next(each["id"] for each in world.requests if each["fault"])
            _take(page, world, "requests", lost)
            with _held(world):
                _go(page, world, "now")
                _keep(page, "held", page.get_by_role("region", name="Calls that are held"))
            _go(page, world, "scenarios")
            editor = page.get_by_label("Scenario in YAML")
            editor.fill(TEXT)
            editor.press("Control+Space")
            page.get_by_role("listbox").get_by_role("option").first.wait_for()
            _keep(page, "editor", page.locator(".editor"), below=130)
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


@contextlib.contextmanager
def _held(world: Sandbox) -> Iterator[None]:
    """Hold a payment for a decision until the block ends."""
    hold = {"name": "next-payment", "request": "create_payment", "do": [{"hold": {"for": "10m"}}]}
    world.use({"scenario": "hold-next-call", "rules": [hold]})
    with httpx.Client(headers=world.headers) as client, ThreadPoolExecutor() as beside:
        paying = beside.submit(_pay, client, world, "4111111111111111", "cust_ada")
        while not (held := world.control.list_held_calls()["data"]):
            pass
        yield
        world.control.decide_held_call(held[0]["id"], do="pass")
        paying.result()


def _pay(client: httpx.Client, world: Sandbox, number: str, customer: str) -> None:
    card = {"type": "card", "card_number": number, "exp_month": 12, "exp_year": 2040, "cvc": "123"}
    body = {"amount": 2_500, "currency": "EUR", "customer_id": customer, "payment_method": card}
    client.post(f"{world.base_url}/payments", json=body)


def _take(page: Page, world: Sandbox, view: str, *ids: str) -> None:
    _go(page, world, view, *ids)
    _keep(page, view)


def _go(page: Page, world: Sandbox, view: str, *ids: str) -> None:
    page.goto("/".join((f"{world.sandbox_url}/#/w", world.api_key, view, *ids)))
    page.locator("main h3, main .row.delivery").first.wait_for()


def _keep(page: Page, name: str, part: Locator | None = None, *, below: int = 0) -> None:
    """Save the visible page, or a part of it and this many pixels below."""
    clip: FloatRect | None = None
    if part is not None:
        page.set_viewport_size(
            {"width": SIZE["width"], "height": 2_000}
        )  # scrolling would move the part
        clip = part.bounding_box()
    if clip is not None:
        clip["height"] += below
    png = page.screenshot(clip=clip)
    page.set_viewport_size(SIZE)
    blank = page.context.new_page()
    picture = blank.evaluate(WEBP, base64.b64encode(png).decode())
    blank.close()
    path = FOLDER / f"dashboard-{name}.webp"
    path.write_bytes(base64.b64decode(picture.partition(",")[2]))
    print(f"{path.relative_to(FOLDER.parents[1])}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
