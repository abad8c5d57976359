"""Finds and starts the system's Chromium, for browser tests, screenshots and benchmarks."""

import os
import shutil
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

_NAMES: Final = ("chromium", "google-chrome")
_FLAGS: Final = (
    "--no-sandbox",  # needed as root in a container
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium() -> str | None:
    """Find Chromium: `$CHROMIUM`, or the first of its names on the PATH."""
    found = [os.environ.get("CHROMIUM"), *map(shutil.which, _NAMES)]
    return next((path for path in found if path), None)


def start_chromium(playwright: "Playwright") -> "Browser":
    """Start Chromium.

    Raises:
        FileNotFoundError: it is not installed; the text says what to do.
    """
    if (path := find_chromium()) is None:
        raise FileNotFoundError("no Chromium: install it, or name it in $CHROMIUM")
    return playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
