"""The dashboard in a real browser: what it shows, does and rejects, by mouse and by keyboard."""

import contextlib
import re
from typing import TYPE_CHECKING, Any, Final, Literal

import pytest
import requests

from payments_sandbox.client.environment import sandbox_variables
from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from payments_sandbox.testing import RunningSandbox, Sandbox, running_sandbox
from tests.support.sockets import WaitingClient
from tests.support.values import HOLD

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

VIEWS = ("now", "payments", "webhooks", "scenarios", "verdict", "reference")
FORMS = {"the page": "<!doctype html>", "JUnit XML": "<?xml ", "the text": "nothing happened"}
SCHEMES: Final[dict[Literal["light", "dark"], dict[str, list[str]]]] = {
    "light": {},
    "dark": {"runOnly": ["color-contrast", "link-in-text-block"]},
}
"""The rules that axe checks in each colour scheme."""

SERIOUS: Final = """async (rules) => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"], ...rules });
  const isSerious = ({ id, impact }) => ["serious", "critical"].includes(impact) || id === "region";
  return violations.filter(isSerious).map(({ id, nodes }) => [id, nodes[0].html]);
}"""
"""Returns the serious violations only: a full report takes longer than the check."""

HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def address(world: Sandbox, view: str = "now", *ids: str) -> str:
    return "/".join((f"{world.sandbox_url}/#/w", world.api_key, view, *ids))


def pay(world: Sandbox, card: str = "4111111111111111", **changes: object) -> dict[str, Any]:
    body = {
        "amount": 2_500,
        "currency": "USD",
        "customer_id": "cust_ada",
        "payment_method": {
            "type": "card", "card_number": card, "exp_month": 12, "exp_year": 2099, "cvc": "123",
        },
    }  # fmt: skip
    reply = requests.post(
        f"{world.base_url}/payments", json=body | changes, headers=world.headers, timeout=30
    )
    made: dict[str, Any] = reply.json()
    return made


def card_number(name: str) -> str:
    return next(card.number for card in MAGIC_CARDS if card.name == name)


def test_a_new_payment_appears_in_the_open_view_without_a_reload(
    page: "Page", world: Sandbox
) -> None:
    page.goto(address(world))
    page.get_by_text("Nothing has happened in this world yet").wait_for()
    made = pay(world)
    row = page.locator(".row.request", has_text="create_payment")
    row.wait_for()
    assert "201" in row.inner_text()
    assert "committed" in row.inner_text()
    page.locator(".row.event", has_text="payment.completed").wait_for()
    row.click()
    page.get_by_role("link", name=made["id"]).click()
    page.get_by_role("heading", name=re.compile("2,500 USD")).wait_for()


def test_the_address_of_the_server_leads_to_the_worlds_and_to_the_default_world(
    page: "Page", server: RunningSandbox
) -> None:
    page.goto(server.url)
    page.get_by_role("heading", name="Worlds").wait_for()
    page.get_by_role("link", name=re.compile("^sk_test_sandbox$")).click()
    page.get_by_text("live", exact=True).first.wait_for()


def test_a_world_can_be_created_with_scenarios_then_reset_and_dropped(
    page: "Page", server: RunningSandbox
) -> None:
    page.goto(f"{server.sandbox_url}/#/")
    page.get_by_label("Name").fill("an exploratory session")
    page.get_by_label("API key").fill("sk_test_explored")
    page.get_by_label("Clock").fill("2030-01-15T09:00:00Z")
    page.get_by_label("Scenarios").select_option(["lost-reply", "charged-but-500"])
    page.get_by_role("button", name="Create").click()
    page.locator("code.key", has_text="sk_test_explored").wait_for()
    page.get_by_text("frozen", exact=False).first.wait_for()
    page.get_by_role("link", name="Scenarios").click()
    active = page.get_by_role("region", name="Active scenarios")
    active.get_by_text("lost-reply").wait_for()
    active.get_by_text("charged-but-500").wait_for()
    page.goto(f"{server.sandbox_url}/#/")
    row = page.locator("tr", has_text="sk_test_explored")
    row.get_by_text("an exploratory session").wait_for()
    row.get_by_role("button", name="reset").click()
    row.get_by_role("button", name="really reset?").click()
    row.get_by_role("button", name="drop").click()
    row.get_by_role("button", name="really drop?").click()
    row.wait_for(state="detached")


def test_the_environment_button_copies_the_variables_that_run_sets(
    page: "Page", server: RunningSandbox, world: Sandbox
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{server.sandbox_url}/#/")
    row = page.locator("tr", has_text=world.api_key)
    row.get_by_role("button", name="environment").click()
    row.get_by_role("button", name="copied").wait_for()
    lines = page.evaluate("navigator.clipboard.readText()").splitlines()
    page.context.clear_permissions()
    assert dict(line.split("=", 1) for line in lines) == sandbox_variables(
        base_url=world.base_url,
        api_key=world.api_key,
        webhook_secret=world.webhook_secret,
        sandbox_url=world.sandbox_url,
    )


def test_a_click_on_a_due_event_advances_the_clock_to_it(page: "Page", world: Sandbox) -> None:
    made = pay(world, card_number("pending_then_completed"))
    assert made["status"] == "pending"
    page.goto(address(world))
    page.locator(".future .row", has_text="payment.").first.click()
    page.locator(".row.event", has_text=re.compile("payment.(completed|failed)")).wait_for()
    assert world.payments[0]["status"] != "pending"


def test_the_bar_advances_the_clock_and_exhausts_and_refills_the_rate_limit(
    page: "Page", world: Sandbox
) -> None:
    """An invalid duration shows an alert."""
    page.goto(address(world))
    bar = page.get_by_role("region", name="Clock and rate limit")
    bar.get_by_role("button", name="+1 d").click()
    bar.get_by_text("2030-01-16 09:00:00").wait_for()
    bar.get_by_label(re.compile("by a duration")).fill("2h")
    bar.get_by_role("button", name="advance").click()
    bar.get_by_text("2030-01-16 11:00:00").wait_for()
    bar.get_by_role("button", name="exhaust").click()
    bar.get_by_text("0 of 1000").wait_for()
    bar.get_by_role("button", name="refill").click()
    bar.get_by_text("1000 of 1000").wait_for()
    bar.get_by_label(re.compile("by a duration")).fill("yesterday")
    bar.get_by_role("button", name="advance").click()
    bar.get_by_role("alert").wait_for()


def test_a_request_shows_its_fault_and_opens_as_a_valid_scenario_in_the_editor(
    page: "Page", world: Sandbox
) -> None:
    world.use("lost-reply")
    with contextlib.suppress(requests.ConnectionError):
        pay(world)
    page.goto(address(world))
    page.locator(".row.request", has_text="drop").click()
    page.get_by_text("reply-lost").first.wait_for()
    page.get_by_role("button", name="write this as a scenario").click()
    page.get_by_role("region", name="Scenario").get_by_text("drop").wait_for()
    page.get_by_role("link", name="open it in the editor").click()
    editor = page.get_by_label("Scenario in YAML")
    assert "scenario: from-journal" in editor.input_value()
    page.get_by_text("valid", exact=True).wait_for()


def test_a_request_sent_again_from_its_page_gets_its_reply_shown(
    page: "Page", world: Sandbox
) -> None:
    pay(world, "4000000000000002")
    page.goto(address(world, "requests", world.requests[0]["id"]))
    page.get_by_role("button", name="POST it again").click()
    page.get_by_role("heading", name=re.compile("^400 in")).wait_for()
    assert [each["response"]["status"] for each in world.requests if each["response"]] == [400, 400]


def test_a_payment_can_be_created_completed_refunded_and_charged_back_by_forms(
    page: "Page", world: Sandbox
) -> None:
    page.goto(address(world, "payments"))
    page.get_by_text("Pay with a card").click()
    form = page.get_by_role("form", name="Pay with a card")
    form.locator("select").select_option(label="pending_forever")
    form.get_by_role("button", name="Pay").click()
    page.get_by_role("link", name=re.compile("^pay_")).click()
    page.get_by_role("button", name="complete").click()
    page.get_by_text("completed").first.wait_for()
    refund = page.get_by_role("form", name="Refund the payment")
    refund.get_by_label("Amount").fill("500")
    refund.get_by_role("button", name="refund").click()
    page.get_by_text("refund.created").wait_for()
    page.get_by_role("form", name="Charge the payment back").get_by_role("button").click()
    page.get_by_text("chargeback.created").wait_for()
    [payment] = world.payments
    assert (payment["refunded"], payment["charged_back"]) == (500, 2_000)


def test_an_endpoint_can_be_created_and_its_delivery_shows_and_sends_again(
    page: "Page", world: Sandbox
) -> None:
    """Its secret can be shown, and the endpoint disabled."""
    page.goto(address(world, "webhooks"))
    page.get_by_text("Create an endpoint").click()
    page.get_by_label("URL").fill("inbox:orders")
    page.get_by_role("button", name="Create").click()
    page.get_by_role("heading", name="inbox:orders").wait_for()
    page.get_by_role("button", name="send", exact=True).click()
    page.get_by_role("region", name="Deliveries").get_by_role("link").first.click()
    page.get_by_text("The signature, explained").click()
    page.get_by_text("the same", exact=True).wait_for()
    first = page.url
    page.get_by_role("button", name="send the event again").click()
    page.wait_for_url(lambda url: url != first)
    page.goto(address(world, "webhooks"))
    page.get_by_role("button", name="reveal").click()
    page.get_by_text(world.webhooks[0]["secret"]).wait_for()
    page.get_by_role("button", name="disable").click()
    page.get_by_role("button", name="enable").wait_for()
    assert len(world.deliveries) >= 2


def test_a_late_reply_does_not_navigate_away_from_a_view_opened_meanwhile(
    page: "Page", world: Sandbox
) -> None:
    world.inbox("orders")
    pay(world)
    page.goto(address(world, "deliveries", world.deliveries[0]["id"]))
    held: list[Route] = []

    def hold(route: "Route") -> None:
        held.append(route)

    page.route("**/resend", hold)
    with page.expect_request("**/resend"):
        page.get_by_role("button", name="send the event again").click()
    page.goto(address(world, "payments"))
    page.get_by_role("heading", name=re.compile("^Payments"), level=2).wait_for()
    with page.expect_response("**/resend") as answered:
        held[0].continue_()
    answered.value.finished()
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    page.unroute("**/resend")
    assert page.url == address(world, "payments")


def test_a_pasted_webhook_is_accepted_and_a_changed_one_rejected_with_the_reason(
    page: "Page", world: Sandbox
) -> None:
    inbox = world.inbox("orders")
    pay(world)
    [message] = inbox.wait()
    page.goto(address(world, "webhooks"))
    page.get_by_text("Why was a webhook rejected?").click()
    form = page.get_by_role("form", name="Verify a webhook")
    lines = [f"{name}: {value}" for name, value in message["headers"].items()]
    form.get_by_label("Headers").fill("\n".join(lines))
    form.get_by_label("Body").fill(message["raw"])
    form.get_by_role("button", name="verify").click()
    page.get_by_text("its receiver accepts it").wait_for()
    form.get_by_label("Body").fill(message["raw"] + " ")
    form.get_by_role("button", name="verify").click()
    page.get_by_text("it has leading or trailing whitespace").wait_for()


def test_a_scenario_can_be_activated_from_the_library_and_from_the_linting_editor(
    page: "Page", world: Sandbox
) -> None:
    """The problem leads to its line."""
    page.goto(address(world, "scenarios"))
    page.get_by_role("button", name="activate lost-reply").click()
    page.get_by_role("region", name="Active scenarios").get_by_text("lost-reply").wait_for()
    page.get_by_role("button", name="end", exact=True).click()
    page.get_by_text("None: the API behaves as documented.").wait_for()
    editor = page.get_by_label("Scenario in YAML")
    editor.fill("scenario: mine\nrules:\n  - request: create_paymnt\n    do: [{pass: true}]\n")
    problem = page.locator(".problems li", has_text="create_paymnt")
    problem.get_by_role("button", name=re.compile("^line 3")).click()
    assert page.evaluate("document.activeElement.selectionStart") == 35
    editor.fill(
        "scenario: mine\nrules:\n  - request: create_payment\n"
        "    do: [{respond: {error: internal_error}}]\n"
    )
    page.get_by_text("valid", exact=True).wait_for()
    page.get_by_role("button", name="activate it").click()
    page.get_by_role("region", name="Active scenarios").get_by_text("mine").wait_for()
    assert pay(world)["error"]["code"] == "internal_error"


def test_a_finding_of_the_verdict_links_to_its_calls(page: "Page", world: Sandbox) -> None:
    world.use("lost-reply")
    for _ in range(2):
        with contextlib.suppress(requests.ConnectionError):
            pay(world)
    page.goto(address(world, "verdict"))
    card = page.locator("article", has_text="possible_double_charge")
    card.get_by_role("link").first.click()
    page.get_by_role("heading", name=re.compile("^create_payment")).wait_for()


def test_the_report_can_be_downloaded_as_html_junit_xml_or_text(
    page: "Page", world: Sandbox
) -> None:
    """Without calls, the verdict says that nothing has happened."""
    page.goto(address(world, "verdict"))
    page.get_by_text("nothing has happened", exact=True).wait_for()
    page.get_by_text("no expectations", exact=True).wait_for()
    for name, begins in FORMS.items():
        with page.expect_download() as kept:
            page.get_by_role("button", name=name).click()
        assert kept.value.path().read_text(encoding="utf-8").startswith(begins)


def test_an_operation_tried_in_the_reference_shows_its_reply(page: "Page", world: Sandbox) -> None:
    page.goto(address(world, "reference"))
    title = page.get_by_text("GET /v3/payments", exact=True)
    page.locator("summary", has=title).click()
    page.get_by_role("form", name="Try list_payments").get_by_role("button").click()
    page.get_by_text(re.compile("^200 in")).wait_for()


def test_hostile_texts_are_shown_as_text_in_every_view(own_page: "Page", world: Sandbox) -> None:
    """They run no script and violate no content security policy."""
    page, violations = own_page, list[str]()
    page.on("dialog", lambda dialog: violations.append(dialog.message))
    page.add_init_script(
        "addEventListener('securitypolicyviolation',"
        " each => (window.refused ??= []).push(each.violatedDirective))"
    )
    made = pay(world, description=HOSTILE)
    pay(world, description=HOSTILE, customer_id=HOSTILE)
    requests.get(f"{world.base_url}/{HOSTILE}", headers=world.headers, timeout=30)
    requests.post(
        f"{world.sandbox_url}/events",
        json={"type": "x.y", "data": {HOSTILE: HOSTILE}}, headers=world.headers, timeout=30,
    )  # fmt: skip
    requests.post(
        f"{world.sandbox_url}/webhook_endpoints",
        json={"url": "inbox:x", "description": HOSTILE, "headers": {"X-Hostile": HOSTILE}},
        headers=world.headers,
        timeout=30,
    )
    world.use(HOLD | {"about": HOSTILE})
    client = WaitingClient(world, customer_id=HOSTILE, description=HOSTILE)
    places: list[tuple[str, ...]] = [(view,) for view in VIEWS]
    places += [("requests", each["id"]) for each in world.requests]
    places += [("payments", made["id"])]
    places += [("deliveries", each["id"]) for each in world.deliveries]
    for place in places:
        page.goto(address(world, *place))
        page.locator("main h2, main .row").first.wait_for()
    page.goto(address(world))
    page.get_by_role("article").get_by_text(HOSTILE).first.wait_for()
    world.reset()
    assert (client.answer(), violations) == ("no reply", [])
    assert page.locator("main img, main script").count() == 0
    assert page.evaluate("window.refused ?? []") == []


def test_axe_finds_no_serious_violation_in_any_view_in_light_and_dark(
    browser: "Browser", world: Sandbox
) -> None:
    """Dark has the same elements in other colours, so only colour rules run there."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    world.use("lost-reply")
    with contextlib.suppress(requests.ConnectionError):
        pay(world)
    pay(world)
    world.use(HOLD)
    client = WaitingClient(world)
    requests.post(
        f"{world.sandbox_url}/webhook_endpoints",
        json={"url": "inbox:x"}, headers=world.headers, timeout=30,
    )  # fmt: skip
    places = [address(world, view) for view in VIEWS]
    places += [address(world, "requests", world.requests[0]["id"]), f"{world.sandbox_url}/#/"]
    context = browser.new_context(bypass_csp=True, reduced_motion="reduce")
    context.add_init_script(axe.axe_script)
    page = context.new_page()
    found: dict[str, Any] = {}
    for place in places:
        page.goto(place)
        page.locator("main h2, main .row").first.wait_for()
        for scheme, rules in SCHEMES.items():
            page.emulate_media(color_scheme=scheme)
            if serious := page.evaluate(SERIOUS, rules):
                found[f"{place} in {scheme}"] = serious
    context.close()
    world.reset()
    assert (client.answer(), found) == ("no reply", {})


def test_no_view_is_wider_than_the_screen_at_320_and_1200_pixels(
    page: "Page", world: Sandbox
) -> None:
    pay(world)
    world.use(HOLD)
    client = WaitingClient(world)
    wide: dict[tuple[str, int], int] = {}
    for view in VIEWS:
        page.goto(address(world, view))
        page.locator("main h2, main .row").first.wait_for()
        for width in (320, 1200):
            page.set_viewport_size({"width": width, "height": 800})
            over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            if over > 0:
                wide[view, width] = over
    world.reset()
    assert (client.answer(), wide) == ("no reply", {})


def test_shortcuts_open_the_views_and_rows_and_freeze_the_clock(
    page: "Page", world: Sandbox
) -> None:
    pay(world)
    page.goto(address(world))
    page.locator(".row.request").wait_for()
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keyboard").wait_for()
    page.keyboard.press("Escape")
    for title in ("Payments", "Webhooks", "Scenarios", "Verdict", "Reference"):
        page.keyboard.press("g")
        page.keyboard.press(title[0].lower())
        page.get_by_role("heading", name=re.compile(f"^{title}"), level=2).wait_for()
    page.keyboard.press("g")
    page.keyboard.press("n")
    page.locator(".row.request").wait_for()
    page.locator(".rows").focus()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.locator("h2").first.wait_for()
    bar = page.get_by_role("region", name="Clock and rate limit")
    bar.get_by_role("button", name="resume").wait_for()
    page.keyboard.press("f")
    bar.get_by_role("button", name="freeze").wait_for()


def test_the_row_keys_move_the_focus_before_the_next_key_is_handled(
    page: "Page", world: Sandbox
) -> None:
    """However fast the keys follow each other."""
    pay(world)
    page.goto(address(world))
    page.locator(".row.request").wait_for()
    page.locator(".row.event").wait_for()
    focused = page.evaluate(
        """() => {
          document.querySelector(".rows").focus();
          return ["j", "j", "k", "j"].map((key) => {
            const down = new KeyboardEvent("keydown", { key, bubbles: true });
            document.activeElement.dispatchEvent(down);
            return document.activeElement.dataset.row;
          });
        }"""
    )

    assert focused == ["0", "1", "0", "1"]


def test_two_tabs_show_only_the_requests_of_their_own_worlds(
    page: "Page", server: RunningSandbox, world: Sandbox
) -> None:
    with server.new_world() as other:
        one, two = page, page.context.new_page()
        one.goto(address(world))
        two.goto(address(other))
        pay(world, customer_id="cust_one")
        pay(other, customer_id="cust_two")
        one.locator(".row.request", has_text="cust_one").wait_for()
        two.locator(".row.request", has_text="cust_two").wait_for()
        assert one.locator(".row", has_text="cust_two").count() == 0
        assert two.locator(".row", has_text="cust_one").count() == 0
        two.close()


def test_the_control_token_is_asked_for_once_per_tab_and_not_stored_beyond_it(
    browser: "Browser",
) -> None:
    with running_sandbox(control_token="a-token-of-sixteen") as server:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{server.sandbox_url}/")
        page.get_by_role("textbox", name="Control token").fill("a-token-of-sixteen")
        page.get_by_role("button", name="Use the token").click()
        page.get_by_role("heading", name="Worlds").wait_for()
        page.reload()
        page.get_by_role("heading", name="Worlds").wait_for()
        assert "a-token-of-sixteen" not in page.url
        assert page.evaluate("JSON.stringify(localStorage) + document.cookie") == "{}"
        context.close()


def test_an_open_view_reconnects_to_a_restarted_server_and_shows_each_new_request_once(
    browser: "Browser",
) -> None:
    context = browser.new_context()
    page = context.new_page()
    with running_sandbox(seed=1) as first:
        port = int(first.url.rpartition(":")[2])
        world = first.world("sk_test_again")
        pay(world, customer_id="cust_before")
        page.goto(address(world))
        page.locator(".row.request", has_text="cust_before").wait_for()
    page.get_by_text("connection lost").wait_for()
    with running_sandbox(seed=1, port=port) as second:
        world = second.world("sk_test_again")
        pay(world, customer_id="cust_after")
        page.locator(".row.request", has_text="cust_after").wait_for()
        assert page.locator(".row.request").count() == 1
        pay(world, customer_id="cust_later")
        page.locator(".row.request", has_text="cust_later").wait_for()
        assert page.locator(".row.request").count() == 2
    context.close()


def test_watching_a_key_whose_world_was_dropped_makes_none(
    page: "Page", server: RunningSandbox
) -> None:
    """A suite that drops and creates the world of a fixed key is not disturbed by who watches."""
    key = "sk_test_watched"
    with server.new_world(key=key) as world:
        pay(world, customer_id="cust_before")
        page.goto(address(world))
        page.locator(".row.request", has_text="cust_before").wait_for()
    for view in VIEWS[:-1]:
        page.goto(address(world, view))
        page.get_by_role("heading", name="No world").wait_for()
    listed = requests.get(f"{server.sandbox_url}/worlds", timeout=30).json()["data"]
    assert key not in [each["api_key"] for each in listed]

    with server.new_world(key=key) as world:
        pay(world, customer_id="cust_after")
        page.goto(address(world))
        page.locator(".row.request", has_text="cust_after").wait_for()
        assert page.locator(".row.request").count() == 1
    create = page.get_by_role("button", name="create a world with this key")
    create.focus()
    create.press("Enter")
    page.get_by_text("Nothing has happened in this world yet").wait_for()
    server.world(key).control.delete_world()


def test_the_timeline_counts_rows_that_were_missed_or_dropped(page: "Page", world: Sandbox) -> None:
    page.goto(address(world))
    page.get_by_role("heading", name="payments-sandbox").wait_for()
    counted = page.evaluate(
        """async () => {
          const { Timeline } = await import("/_sandbox/dashboard/timeline.js");
          const at = "2030-01-15T09:00:00Z";
          const request = (number) => ({ kind: "request", seen: `${number}-0-0`, value: {
            id: `req_${number}`, at, request: {}, path: "/", method: "GET" } });
          const timeline = new Timeline();
          timeline.add([request(1), request(2)]);
          timeline.add([request(3)]);
          const whole = timeline.dropped;
          timeline.add([request(10)]);
          const missed = timeline.dropped;
          timeline.add(Array.from({ length: 6000 }, (_, each) => request(11 + each)));
          return [whole, missed, timeline.dropped + timeline.rows.length];
        }"""
    )
    assert counted == [0, 6, 6 + 4 + 6000]
