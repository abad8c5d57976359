"""What pytest shows if an error of this package ends a test: the test's line and the reason."""

from tests.support.process import Suite

pytest_plugins = ["pytester"]

MISTAKES = """
import httpx
import pytest
from payments_sandbox.testing import MemorySandbox, SandboxTransport, running_sandbox


def advance(sandbox, sandbox_server):
    sandbox.clock.advance("soon")


def make_a_world(sandbox, sandbox_server):
    sandbox_server.new_world(clock="noon")


def use_a_scenario(sandbox, sandbox_server):
    sandbox.use({"scenario": "x", "rules": [{"request": "create_paymnt", "do": []}]})


def start_a_server(sandbox, sandbox_server):
    with running_sandbox(portt=1):
        pass


def start_without_a_socket(sandbox, sandbox_server):
    MemorySandbox(rate_limit=0)


def wait_for_a_webhook(sandbox, sandbox_server):
    sandbox.inbox("shop").wait(within="1ms")


def ask_nobody(sandbox, sandbox_server):
    from payments_sandbox.testing import SandboxClient

    SandboxClient("http://127.0.0.1:1", sandbox.api_key).retrieve_world()


def call_too_long(sandbox, sandbox_server):
    transport = SandboxTransport()
    world = transport.server.new_world()
    world.use({"scenario": "x", "rules": [{"request": "*", "do": [{"hang": {"commit": False}}]}]})
    with httpx.Client(transport=transport, headers=world.headers, timeout=1) as client:
        client.get("http://sandbox/v3/payments")


def receive(sandbox, sandbox_server):
    def answer(request):
        pytest.fail("the shop heard of it")

    shop = httpx.MockTransport(answer)
    transport = SandboxTransport(receivers={"http://shop/": shop})
    world = transport.server.new_world()
    world.control.create_webhook_endpoint("http://shop/")
    world.control.create_event("payment.failed")


EACH = [advance, make_a_world, use_a_scenario, start_a_server, start_without_a_socket,
        wait_for_a_webhook, ask_nobody, call_too_long, receive]


@pytest.mark.parametrize("mistake", EACH, ids=lambda each: each.__name__)
def test_it(mistake, sandbox, sandbox_server):
    mistake(sandbox, sandbox_server)
"""


def test_an_error_is_shown_at_the_tests_line_with_its_reason(suite: Suite) -> None:
    """No lines of the package are shown; the summary has the reason, not the error's class."""
    suite.holds("", test_it=MISTAKES)
    result = suite.run("-W", "ignore")
    result.assert_outcomes(failed=9)
    ours = [line for line in result.outlines if "payments_sandbox" in line and ".py:" in line]
    assert [line for line in ours if not line.startswith(("test_it.py", "E "))] == []
    result.stdout.fnmatch_lines(
        [
            "FAILED test_it.py::test_it[[]advance] - /by: exp*",
            "FAILED test_it.py::test_it[[]make_a_world] - /clock: exp*",
            "FAILED test_it.py::test_it[[]use_a_scenario] - /rules/0/*",
            "FAILED test_it.py::test_it[[]start_a_server] - TypeError: *",
            "FAILED test_it.py::test_it[[]start_without_a_socket] - ValueError: *",
            "FAILED test_it.py::test_it[[]wait_for_a_webhook] - inbox 'shop'*",
            "FAILED test_it.py::test_it[[]ask_nobody] - GET /_sandbox/world: *",
            "FAILED test_it.py::test_it[[]call_too_long] - httpx.Read*",
            "FAILED test_it.py::test_it[[]receive] - Failed: the shop*",
        ]
    )
