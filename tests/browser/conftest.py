"""Fixtures of the tests in a browser: a server, a world, and a page of a real Chromium.

Without Chromium, or without `playwright`, these tests are skipped and say what is missing.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from payments_sandbox.testing import RunningSandbox, Sandbox, running_sandbox
from tools.chromium import find_chromium, start_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")  # it runs an event loop, which tests of other modules want to do
def browser() -> "Iterator[Browser]":
    """A Chromium, the system's own."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if find_chromium() is None:
        pytest.skip("no Chromium: install it, or name it in $CHROMIUM")
    with sync_api.sync_playwright() as playwright:
        opened = start_chromium(playwright)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def server() -> Iterator[RunningSandbox]:
    """A server for all tests of a module."""
    with running_sandbox(seed=7, max_wall_delay="100ms") as running:
        yield running


@pytest.fixture
def world(server: RunningSandbox) -> Iterator[Sandbox]:
    """A world of the test's own, frozen in 2030."""
    with server.new_world(clock="2030-01-15T09:00:00Z") as made:
        yield made


@pytest.fixture
def page(browser: "Browser") -> "Iterator[Page]":
    """A page of its own context; what its console says of errors fails the test."""
    context = browser.new_context()
    context.set_default_timeout(30_000)
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda said: errors.append(said.text) if _is_error(said) else None)
    yield opened
    context.close()
    assert errors == []


def _is_error(said: object) -> bool:
    kind, text = getattr(said, "type", ""), getattr(said, "text", "")
    # The browser itself says of every answer from 400 on that it "failed to load".
    return kind == "error" and not text.startswith("Failed to load resource")
