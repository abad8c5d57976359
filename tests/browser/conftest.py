"""Fixtures of the tests in a browser: a server, a world, and a page of a real Chromium.

Without Chromium, or without `playwright`, these tests are skipped and say what is missing.
"""

from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from payments_sandbox.testing import RunningSandbox, Sandbox, running_sandbox
from tools.chromium import find_chromium, start_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize


USUAL: Final["ViewportSize"] = {"width": 1280, "height": 720}
"""The size of a page that no test has changed."""


class InUse(NamedTuple):
    """What consecutive tests share.

    Attributes:
        browser: the Chromium of the system.
        server: a server; each test has its own world on it.
        tab: the dashboard, loaded once: loading takes longer than most tests.
        ends: ends all of them.
    """

    browser: "Browser"
    server: RunningSandbox
    tab: "Page"
    ends: ExitStack


IN_USE: Final = pytest.StashKey[InUse]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    """End the browser after the last of the consecutive tests that share it.

    It runs an event loop, and tests elsewhere need to run their own.
    """
    try:
        return (yield)
    finally:
        is_last = nextitem is None or nextitem.path.parent != Path(__file__).parent
        if is_last and (in_use := item.config.stash.get(IN_USE, None)) is not None:
            del item.config.stash[IN_USE]
            in_use.ends.close()


@pytest.fixture
def in_use(pytestconfig: pytest.Config) -> InUse:
    """Return what consecutive tests share, also those of several modules."""
    if (in_use := pytestconfig.stash.get(IN_USE, None)) is None:
        in_use = pytestconfig.stash[IN_USE] = _started()
        pytestconfig.add_cleanup(in_use.ends.close)  # where a run is broken off
    return in_use


def _started() -> InUse:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if find_chromium() is None:
        pytest.skip("no Chromium: install it, or name it in $CHROMIUM")
    with ExitStack() as ends:
        server = ends.enter_context(running_sandbox(seed=7, max_wall_delay="100ms"))
        opened = start_chromium(ends.enter_context(sync_api.sync_playwright()))
        ends.callback(opened.close)
        tab = _opened(opened)
        tab.goto(worlds_of(server))
        return InUse(opened, server, tab, ends.pop_all())


@pytest.fixture
def browser(in_use: InUse) -> "Browser":
    """Return the Chromium of the system."""
    return in_use.browser


@pytest.fixture
def server(in_use: InUse) -> RunningSandbox:
    """Return the server."""
    return in_use.server


@pytest.fixture
def world(server: RunningSandbox) -> Iterator[Sandbox]:
    """A world of the test's own, frozen in 2030."""
    with server.new_world(clock="2030-01-15T09:00:00Z") as made:
        yield made


@pytest.fixture
def page(in_use: InUse) -> "Iterator[Page]":
    """The shared page with new views and without drafts."""
    tab, server = in_use.tab, in_use.server
    with _calm(tab):
        tab.evaluate("sessionStorage.clear()")
        yield tab
        tab.set_viewport_size(USUAL)
        tab.goto(worlds_of(server))


@pytest.fixture
def own_page(browser: "Browser") -> "Iterator[Page]":
    """A page in a context of its own, for tests that change more than its views."""
    opened = _opened(browser)
    with _calm(opened):
        yield opened
        opened.context.close()


def worlds_of(server: RunningSandbox) -> str:
    """Return the address of the first view."""
    return f"{server.sandbox_url}/#/"


def _opened(browser: "Browser") -> "Page":
    context = browser.new_context()
    context.set_default_timeout(30_000)
    return context.new_page()


@contextmanager
def _calm(page: "Page") -> Iterator[None]:
    """Assert that the page logs and throws no error within the block."""
    errors: list[str] = []

    def thrown(error: object) -> None:
        errors.append(str(error))

    def logged(said: "ConsoleMessage") -> None:
        # The browser itself logs "Failed to load" for every reply from 400 on.
        if said.type == "error" and not said.text.startswith("Failed to load resource"):
            errors.append(said.text)

    page.on("pageerror", thrown)
    page.on("console", logged)
    yield
    page.remove_listener("pageerror", thrown)
    page.remove_listener("console", logged)
    assert errors == []
