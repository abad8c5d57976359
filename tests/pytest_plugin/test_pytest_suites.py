"""Different kinds of suites with the plugin: blocking, async, unittest, parallel.

The page docs/how-to/parallel-ci.md shows, and `tests/docs` runs, suites of workers that share a
server.
"""

from collections.abc import Callable

import pytest

from tests.support.process import SHOP_MODULE, Suite

pytest_plugins = ["pytester"]

SYNC = """
import threading

import requests
from shop import pay

def test_requests(sandbox):
    inbox = sandbox.inbox()
    assert pay(sandbox).status_code == 201
    assert inbox.wait("payment.completed")[0]["verified"]

def test_from_other_threads(sandbox):
    threads = [threading.Thread(target=pay, args=(sandbox,)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sandbox.payments) == 5
"""

HTTPX = """
import httpx
{import_}

{mark}
async def test_httpx(sandbox):
    async with httpx.AsyncClient(headers=sandbox.headers) as client:
        reply = await client.get(sandbox.base_url + "/payments")
        assert reply.json()["data"] == []
    async with sandbox.async_client() as control:
        assert (await control.advance_clock(by="30d"))["happened"] == []
"""

AIOHTTP = """
import aiohttp
from aiohttp import web

async def test_a_receiver_in_the_same_loop(sandbox, aiohttp_server):
    received = []

    async def receive(request):
        received.append(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/webhooks", receive)
    server = await aiohttp_server(app)
    async with sandbox.async_client() as control:
        await control.create_webhook_endpoint(str(server.make_url("/webhooks")))
        event = await control.create_event("payment.completed")
        await control.advance_clock(by="1s")
    assert received == [event]
"""

UNITTEST = """
import unittest

import pytest
from shop import pay

class ShopTest(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def _world(self, sandbox):
        self.sandbox = sandbox

    def test_pay(self):
        self.assertEqual(pay(self.sandbox).status_code, 201)
        self.assertEqual(len(self.sandbox.payments), 1)

@pytest.mark.usefixtures("payments_env")
class EnvironmentTest(unittest.TestCase):
    def test_environment(self):
        import os
        self.assertTrue(os.environ["PAYMENTS_BASE_URL"].endswith("/v3"))
"""

SuiteOf = Callable[..., Suite]


@pytest.fixture
def suite_of(pytester: pytest.Pytester) -> SuiteOf:
    """Return a function that creates a suite with some plugins."""

    def make(code: str, *plugins: str) -> Suite:
        suite = Suite(pytester, plugins)
        suite.holds(code, shop=SHOP_MODULE)
        return suite

    return make


def test_blocking_clients_pay_from_one_and_several_threads(suite_of: SuiteOf) -> None:
    """The client is requests."""
    suite_of(SYNC).run().assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("plugin", "import_", "mark"),
    [
        ("asyncio", "import pytest", "@pytest.mark.asyncio"),
        ("anyio", "import pytest", "@pytest.mark.anyio"),
    ],
)
def test_async_clients_work_with_pytest_asyncio_and_anyio(
    suite_of: SuiteOf, plugin: str, import_: str, mark: str
) -> None:
    """The client is httpx."""
    code = HTTPX.format(import_=import_, mark=mark)
    if plugin == "anyio":
        code += "\n@pytest.fixture\ndef anyio_backend(): return 'asyncio'\n"
    suite_of(code, plugin).run().assert_outcomes(passed=1)


def test_webhooks_reach_a_receiver_in_the_event_loop_of_the_test(suite_of: SuiteOf) -> None:
    """The receiver is a server of pytest-aiohttp."""
    suite_of(AIOHTTP, "asyncio", "aiohttp").run("--asyncio-mode=auto").assert_outcomes(passed=1)


def test_unittest_test_cases_can_use_a_world(suite_of: SuiteOf) -> None:
    """They get it from an autouse fixture or from the environment."""
    suite_of(UNITTEST).run().assert_outcomes(passed=2)


def test_an_invalid_mark_is_a_collection_error_with_xdist(suite_of: SuiteOf) -> None:
    code = """
        import pytest

        @pytest.mark.sandbox_clock("tomorrow")
        def test_it(sandbox): ...
        """
    result = suite_of(code, "xdist").run("-n", "1")
    assert "sandbox_clock: expected an ISO 8601 date" in result.stdout.str()
    assert result.ret != 0
