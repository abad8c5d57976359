"""Signal handlers that raise in the middle of a call, as timeouts and Ctrl-C do."""

import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from payments_sandbox.testing import Sandbox, SandboxTransport
from payments_sandbox.testing.held_signals import HeldSignals
from tests.support.values import documented_create

URL = "http://127.0.0.1/v3/payments"
WEBHOOKS = "https://shop.example/webhooks"
EVERY = 37
"""One of so many Python calls is interrupted; a payment makes one or two thousand."""


class TimesUpError(Exception):
    """Raised by the signal handler."""


@pytest.fixture
def handled() -> Iterator[None]:
    """Install a handler that raises."""

    def act(*_signal: object) -> None:
        raise TimesUpError

    before = signal.signal(signal.SIGUSR1, act)
    yield
    assert signal.signal(signal.SIGUSR1, before) is act


@contextmanager
def interrupted_at(number: int) -> Iterator[list[int]]:
    """Raise the signal at the nth Python call of the block, and count them."""
    calls = [0]

    def count(_frame: object, event: str, _argument: object) -> None:
        if event == "call":
            calls[0] += 1
            if calls[0] == number:
                signal.raise_signal(signal.SIGUSR1)

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield calls
    finally:
        sys.setprofile(before)


def shop() -> tuple[httpx.Client, Sandbox]:
    """Return a client and its world, whose webhooks go to an app."""

    def app(_environ: object, start: object) -> list[bytes]:
        start("204 No Content", [])  # type: ignore[operator]  # WSGI's
        return [b""]

    transport = SandboxTransport(receivers={WEBHOOKS: httpx.WSGITransport(app)})
    world = transport.server.new_world(clock="2030-01-15T10:30:00Z", rate_limit=100_000)
    world.control.create_webhook_endpoint(WEBHOOKS)
    return httpx.Client(transport=transport, headers=world.headers), world


@pytest.mark.usefixtures("handled")
def test_a_world_stays_consistent_if_a_signal_handler_raises_at_any_point() -> None:
    """The call happens completely or not at all; every payment has its event and webhook."""
    client, world = shop()
    with client, interrupted_at(0) as calls:
        assert client.post(URL, json=documented_create()).status_code == 201
    assert calls[0] > 500
    client, world = shop()
    came = 0
    with client:
        for number in range(1, calls[0], EVERY):
            try:
                with interrupted_at(number):
                    client.post(URL, json=documented_create())
            except TimesUpError:
                came += 1
            assert client.post(URL, json=documented_create()).status_code == 201
    world.clock.advance("5d")
    assert came > 0
    assert len(world.events) == len(world.requests) == len(world.payments)
    assert {each["status"] for each in world.deliveries} == {"delivered"}
    world.restore(world.snapshot())


@pytest.mark.usefixtures("handled")
def test_a_held_signal_is_handled_after_release() -> None:
    held = HeldSignals()
    held.hold()
    signal.raise_signal(signal.SIGUSR1)
    with pytest.raises(TimesUpError):
        held.let_go()


@pytest.mark.usefixtures("handled")
def test_all_handlers_are_restored_even_if_one_raises() -> None:
    """Other signals reach their own handlers again."""
    acted: list[int] = []
    before = signal.signal(signal.SIGUSR2, lambda number, _frame: acted.append(number))
    try:
        own = signal.getsignal(signal.SIGUSR2)
        held = HeldSignals()
        held.hold()
        signal.raise_signal(signal.SIGUSR1)
        assert signal.getsignal(signal.SIGUSR2) is not own
        with pytest.raises(TimesUpError):
            held.let_go()
        assert signal.getsignal(signal.SIGUSR2) is own
        signal.raise_signal(signal.SIGUSR2)
        assert acted == [signal.SIGUSR2]
    finally:
        signal.signal(signal.SIGUSR2, before)


def test_a_nested_call_raises_runtime_error() -> None:
    """It would wait for itself; a log handler can cause it."""
    client, world = shop()
    refused: list[str] = []

    class Asking(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            try:
                client.get(URL)
            except RuntimeError as error:
                refused.append(str(error))

    logger, asking = logging.getLogger("payments_sandbox"), Asking()
    level = logger.level
    logger.addHandler(asking)
    logger.setLevel(logging.INFO)
    try:
        world.close()
    finally:
        logger.removeHandler(asking)
        logger.setLevel(level)
    assert client.get(URL).status_code == 200
    client.close()
    assert refused
    assert "was called while it answers a call" in refused[0]


def test_calls_from_other_threads_work() -> None:
    """Signals are handled only in the main thread, so nothing is held there."""
    client, world = shop()
    statuses: list[int] = []

    def call() -> None:
        statuses.append(client.post(URL, json=documented_create()).status_code)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.close()
    assert (statuses, len(world.payments)) == ([201] * 4, 4)
