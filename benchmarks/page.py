"""Owns the section on the dashboard: how soon a page shows what has happened, also under load."""

from typing import TYPE_CHECKING, Final

import requests

from benchmarks.load import Client, Load
from benchmarks.machine import Cores
from benchmarks.plan import Plan
from benchmarks.report import Row, Table, at_most
from benchmarks.servers import Loop, Server, running, sandbox_command
from benchmarks.traffic import CREATED, KEY, VARIETY, create, create_body
from tools.chromium import start_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Page

SHOWN: Final = at_most(200)
LONGEST_TASK: Final = at_most(100)
WANTED: Final = 2_000
"""Requests per second; if the machine makes fewer, the note says how many."""

_WATCH: Final = """
window.seen = {};
new MutationObserver(() => {
  for (const row of document.querySelectorAll('.row.request')) {
    const customer = /buyer_\\w+/.exec(row.textContent)?.[0];
    if (customer) window.seen[customer] ??= Date.now();
  }
}).observe(document.body, {childList: true, subtree: true, characterData: true});
window.longest = 0;
new PerformanceObserver(list => {
  for (const each of list.getEntries()) window.longest = Math.max(window.longest, each.duration);
}).observe({entryTypes: ['longtask']});
"""


def measure_page(plan: Plan, cores: Cores, client: Client) -> Table:
    """Milliseconds from a request to its row in a real Chromium, and the longest task of a page."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - other sections do not need it

    command = sandbox_command(Loop.ASYNCIO)
    with running(command, cores) as server, sync_playwright() as playwright:
        browser = start_chromium(playwright)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/_sandbox/#/w/{KEY}/now")
        page.get_by_text("live", exact=True).first.wait_for()
        page.evaluate(_WATCH)
        shown = [_shown(page, server, number) for number in range(plan.rounds * 4)]
        tasks, load = _longest_task(page, server, client, 10 * plan.seconds)
        dropped = page.locator(".tools [role=status]").inner_text()
        browser.close()
    return Table(
        "The dashboard, in Chromium",
        [
            Row("from a request to its row", shown, "ms", SHOWN),
            Row("longest task of the page under load", [tasks], "ms", LONGEST_TASK,
                f"{load.rate:,.0f} creates/s of the {WANTED:,} that it is to bear; {dropped}"),
        ],
    )  # fmt: skip


def _shown(page: "Page", server: Server, number: int) -> float:
    customer = f"buyer_shown{number}"
    sent = page.evaluate("Date.now()")
    _pay(server, customer)
    page.locator(".row.request", has_text=customer).wait_for()
    return float(page.evaluate("customer => window.seen[customer]", customer) - sent)


def _pay(server: Server, customer: str) -> None:
    reply = requests.post(
        f"http://127.0.0.1:{server.port}/v3/payments",
        data=create_body(customer),
        headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
        timeout=30,
    )
    assert reply.status_code == CREATED, reply.text


def _longest_task(page: "Page", server: Server, client: Client, seconds: int) -> tuple[float, Load]:
    """The longest task of the page under as many creates as the client can make."""
    page.evaluate("window.longest = 0")
    load = client(server.port, [create(f"buyer_{each:03}") for each in range(VARIETY)], seconds)
    return float(page.evaluate("window.longest")), load
