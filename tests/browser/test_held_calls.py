"""Held calls in a real browser: shown as they arrive, decided by button, step and keyboard."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from payments_sandbox.testing import Sandbox
from tests.browser.test_dashboard import address
from tests.support.sockets import WaitingClient

if TYPE_CHECKING:
    from playwright.sync_api import Page


BUTTONS = {
    "answer": "completed",
    "decline": "card_declined",
    "lose the reply": "no reply",
    "500 after commit": "internal_error",
}


@pytest.fixture
def held(page: "Page", world: Sandbox) -> Iterator[WaitingClient]:
    """A client that waits because the hold button was pressed."""
    page.goto(address(world))
    client = hold_next(page, world)
    yield client
    world.reset()  # a failed test leaves no client waiting
    client.answer()


def hold_next(page: "Page", world: Sandbox) -> WaitingClient:
    """Press the hold button and start a client."""
    button = page.get_by_role("button", name="hold the next call")
    with page.expect_response(lambda reply: reply.request.method == "PUT"):
        button.click()
    client = WaitingClient(world)
    page.get_by_role("article").get_by_text("create_payment").wait_for()
    return client


def test_each_button_gives_a_held_call_its_reply_and_the_row_says_which(
    page: "Page", world: Sandbox, held: WaitingClient
) -> None:
    """The payment is made only then."""
    client = held
    for number, (button, got) in enumerate(BUTTONS.items()):
        client = client if number == 0 else hold_next(page, world)
        assert len(world.payments) == number
        page.get_by_role("button", name=button, exact=True).click()
        page.get_by_role("article").wait_for(state="detached")
        assert client.answer() == got
        assert len(world.payments) == number + 1
    page.locator(".row.request", has_text="decided: drop").click()
    page.get_by_text("decided while it was held").wait_for()


def test_a_held_call_gets_the_reply_of_a_typed_step(page: "Page", held: WaitingClient) -> None:
    """An invalid step shows an alert, and the call stays held."""
    step = page.get_by_role("combobox", name="Another step")
    step.fill("{respond: {error: refund_declined}}")
    step.press("Enter")
    page.get_by_role("alert").get_by_text("is not an error of create_payment").wait_for()
    step.fill("{respond: {error: lost_card}}")
    step.press("Enter")
    assert held.answer() == "lost_card"
    page.get_by_text("decided: respond").wait_for()


def test_calls_can_be_held_and_answered_by_keyboard_also_after_a_reload(
    page: "Page", world: Sandbox
) -> None:
    """A reset ends and hides the other held call."""
    page.goto(address(world))
    page.locator("[data-hold]").wait_for()
    clients: list[WaitingClient] = []
    for seen in ("One call is held", "2 calls are held"):
        with page.expect_response(lambda reply: reply.request.method == "PUT"):
            page.keyboard.press("h")
        clients.append(WaitingClient(world))
        page.get_by_text(seen).wait_for()
    page.reload()
    page.get_by_text("2 calls are held").wait_for()
    page.get_by_role("button", name="answer").first.focus()
    page.keyboard.press("Enter")
    page.get_by_text("One call is held").wait_for()
    assert clients[0].answer() == "completed"
    world.reset()
    page.get_by_role("article").wait_for(state="detached")
    assert clients[1].answer() == "no reply"
