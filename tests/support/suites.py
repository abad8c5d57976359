"""Owns how a test runs a suite of somebody else's: a pytest with the plugins that it names."""

from collections.abc import Sequence
from typing import Final

import pytest
import yaml  # noqa: F401 - pytester forgets what its tests import, and libyaml comes only once

OURS: Final = "payments-sandbox"

QUIET: Final = """
[pytest]
filterwarnings = error
"""
ASYNCIO: Final = "asyncio_default_fixture_loop_scope = function\n"


class Suite:
    """A folder with tests in it.

    Args:
        pytester: whose folder it is.
        plugins: those that are loaded beside ours; no other is.
    """

    def __init__(self, pytester: pytest.Pytester, plugins: Sequence[str] = ()) -> None:
        self.pytester = pytester
        self.plugins = plugins
        pytester.makefile(".ini", pytest=QUIET + ASYNCIO * ("asyncio" in plugins))

    def holds(self, code: str, **more: str) -> None:
        """Let a file be in it; warnings are errors."""
        self.pytester.makepyfile(code, **more)

    def run(self, *arguments: str) -> pytest.RunResult:
        """Run all of it."""
        loaded = [part for name in (OURS, *self.plugins) for part in ("-p", name)]
        return self.pytester.runpytest_subprocess(*loaded, *arguments)

    def shown(self, *arguments: str) -> str:
        """What a run prints."""
        return self.run(*arguments).stdout.str()


PAY: Final = """
import requests

CARD = {"type": "card", "card_number": "4111111111111111", "exp_month": 12, "exp_year": 2099,
        "cvc": "123"}

def pay(sandbox, **changes):
    card = {**CARD, **changes}
    body = {"amount": 2500, "currency": "USD", "payment_method": card}
    url = f"{sandbox.base_url}/payments"
    return requests.post(url, json=body, headers=sandbox.headers, timeout=10)
"""
"""A module that a suite may import as `shop`."""
