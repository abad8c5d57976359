"""The dashboard without a mouse: the keyboard reaches each control, and each control works."""

import re
from typing import TYPE_CHECKING

from payments_sandbox.testing import RunningSandbox, Sandbox
from tests.browser.test_dashboard import VIEWS, address, pay

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

MOST, AT_ONCE = 1_000, 10
"""More controls than any view has; the key presses between two checks."""

CONTROLS = "a[href], button:not([disabled]), input, select, textarea, summary"
WALKED = f"""(within) => {{
  for (const each of document.querySelectorAll("details")) each.open = true;
  if (!window.left) addEventListener("focusin", (event) => window.left.delete(event.target));
  const main = document.querySelector("main");
  const visible = [...document.querySelectorAll("{CONTROLS}")].filter(
    (each) => each.checkVisibility());
  const isBefore = (each) =>
    each.compareDocumentPosition(main) === Node.DOCUMENT_POSITION_FOLLOWING;
  window.left = new Set(visible.filter((each) => each.closest(within)));
  if (within === "main") visible.filter(isBefore).at(-1).focus();
  else document.activeElement.blur();
  return visible.length;
}}"""
LEFT = "() => [...window.left].filter((each) => each.isConnected).map((each) => each.outerHTML)"


def walk(page: "Page", within: str) -> list[str]:
    """Return the controls within a part of a view that the Tab key does not reach."""
    assert page.evaluate(WALKED, within) > len(VIEWS)
    for _ in range(MOST // AT_ONCE):  # controls that appear meanwhile are reached, too
        for _ in range(AT_ONCE):
            page.keyboard.press("Tab")
        if page.evaluate("window.left.size") == 0:
            break
    return [str(each)[:200] for each in page.evaluate(LEFT)]


def test_the_tab_key_reaches_every_control_of_every_view(
    page: "Page", server: RunningSandbox, world: Sandbox
) -> None:
    """What surrounds the views of a world is the same in each."""
    world.inbox("orders")
    made = pay(world)
    places = dict.fromkeys((address(world, view) for view in VIEWS[1:]), "main") | {
        address(world, VIEWS[0]): "body",
        f"{server.sandbox_url}/#/": "body",
        address(world, "requests", world.requests[0]["id"]): "main",
        address(world, "payments", made["id"]): "main",
        address(world, "deliveries", world.deliveries[0]["id"]): "main",
    }
    unreached: dict[str, list[str]] = {}
    for place, within in places.items():
        page.goto(place)
        page.locator("main h2, main .row").first.wait_for()
        if found := walk(page, within):
            unreached[place] = found
    assert unreached == {}


def enter(control: "Locator") -> None:
    """Focus a control and press Enter."""
    control.focus()
    control.press("Enter")


def view(page: "Page", key: str, title: str) -> None:
    """Open a view by its shortcut."""
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("g")
    page.keyboard.press(key)
    page.get_by_role("heading", name=re.compile(f"^{title}"), level=2).wait_for()


def test_a_whole_session_can_be_done_by_keyboard_alone(
    page: "Page", server: RunningSandbox
) -> None:
    page.goto(f"{server.sandbox_url}/#/")
    for name, text in (("API key", "sk_test_keys"), ("Clock", "2030-01-15T09:00:00Z")):
        page.get_by_label(name, exact=True).focus()
        page.keyboard.type(text)
    page.keyboard.press("Enter")
    page.locator("code.key", has_text="sk_test_keys").wait_for()
    _pay_and_move(page)
    _be_told(page)
    _deviate(page)
    view(page, "o", "Worlds")
    row = page.locator("tr", has_text="sk_test_keys")
    for button in ("reset", "really reset?", "drop", "really drop?"):
        enter(row.get_by_role("button", name=button, exact=True))
    row.wait_for(state="detached")


def _pay_and_move(page: "Page") -> None:
    """Pay with a card that stays pending, complete the payment and refund a part."""
    view(page, "p", "Payments")
    enter(page.locator("summary", has_text="Pay with a card"))
    page.get_by_role("form", name="Pay with a card").locator("select").focus()
    page.keyboard.type("pending_then")
    enter(page.get_by_role("button", name="Pay", exact=True))
    enter(page.get_by_role("link", name=re.compile("^pay_")))
    page.locator("[data-next]:enabled").wait_for()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("a")  # advance to what is due
    refund = page.get_by_role("form", name="Refund the payment").get_by_label("Amount")
    refund.focus()
    page.keyboard.type("500")
    page.keyboard.press("Enter")
    page.get_by_text("refund.created").wait_for()


def _be_told(page: "Page") -> None:
    """Create an endpoint, send an event, open its delivery and send it again."""
    view(page, "w", "Webhooks")
    enter(page.locator("summary", has_text="Create an endpoint"))
    page.get_by_label("URL").focus()
    page.keyboard.type("inbox:orders")
    page.keyboard.press("Enter")
    enter(page.get_by_role("button", name="send", exact=True))
    enter(page.get_by_role("region", name="Deliveries").get_by_role("link").first)
    enter(page.get_by_role("button", name="send the event again"))
    view(page, "w", "Webhooks")
    for button in ("reveal", "rotate the secret", "really rotate?", "disable", "enable"):
        enter(page.get_by_role("button", name=button, exact=True))


def _deviate(page: "Page") -> None:
    """Start and end a scenario, download the report, and send a request again."""
    view(page, "s", "Scenarios")
    enter(page.get_by_role("button", name="activate lost-reply"))
    enter(page.get_by_role("button", name="end", exact=True))
    page.get_by_text("None: the API behaves as documented.").wait_for()
    view(page, "v", "Verdict")
    with page.expect_download():
        enter(page.get_by_role("button", name="download the page"))
    view(page, "r", "Reference")
    enter(page.locator("summary", has=page.get_by_text("GET /v3/payments", exact=True)))
    enter(page.get_by_role("form", name="Try list_payments").get_by_role("button"))
    page.get_by_text(re.compile("^200 in")).wait_for()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("g")
    page.keyboard.press("n")
    page.locator(".row.request").first.wait_for()
    page.keyboard.press("/")
    page.keyboard.type("create_payment")
    page.locator(".rows").focus()
    page.keyboard.press("j")
    page.locator("[data-row='0']:focus").wait_for()
    page.keyboard.press("Enter")
    enter(page.get_by_role("button", name="POST it again"))
    page.get_by_role("heading", name=re.compile("^201 in")).wait_for()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("f")
    page.get_by_role("button", name="freeze").wait_for()
