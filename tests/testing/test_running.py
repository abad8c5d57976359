"""A sandbox in a thread: starting, stopping, options, and errors."""

import asyncio
import gc
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NoReturn

import aiohttp
import pytest
import requests

from payments_sandbox import testing
from payments_sandbox.core.settings import settings_from
from payments_sandbox.testing import (
    ExpectationFailed,
    Options,
    RunningSandbox,
    Unreachable,
    running_sandbox,
    running_server,
)
from tests.support.sockets import pay
from tests.support.tables import for_each
from tests.support.values import KEY, LONGEST_WAIT

DESCRIPTORS: Final = Path("/proc/self/fd")


def test_a_running_sandbox_has_addresses_key_and_secret() -> None:
    """Key and secret are the defaults of every server."""
    with running_sandbox() as server:
        assert server.base_url == f"{server.url}/v3"
        assert server.sandbox_url == f"{server.url}/_sandbox"
        assert server.api_key == KEY
        assert (
            server.client(server.api_key).retrieve_world()["webhook_secret"]
            == server.webhook_secret
        )
        assert requests.get(f"{server.sandbox_url}/live", timeout=10).json()["live"] is True
        assert repr(server) == f"<RunningSandbox at {server.url}>"
    assert repr(server) == "<RunningSandbox, not running>"


async def test_a_sandbox_can_be_used_with_async_with() -> None:
    """The server does not use the test's event loop."""
    async with running_sandbox(seed=7) as server, server.new_world().async_client() as control:
        assert (await control.live())["live"] is True
        assert len(asyncio.all_tasks()) == 1


async def test_with_tls_the_control_clients_need_no_certificate() -> None:
    """Worlds have TLS addresses; control clients use the same port without TLS."""
    options: Options = {"tls": "auto", "tls_faults": ["expired"], "unix": None}
    with running_sandbox(**options) as server, server.new_world() as world:
        assert server.url.startswith("https://")
        assert world.base_url == server.base_url
        assert server.ca_file is not None
        assert server.ca_bundle is not None
        assert server.ca_bundle.read_bytes().endswith(server.ca_file.read_bytes())
        assert list(server.tls_faults) == ["expired"]
        trusted = ssl.create_default_context(cafile=server.ca_file)
        async with (
            aiohttp.ClientSession(headers=world.headers) as session,
            session.get(f"{world.base_url}/payments", ssl=trusted) as reply,
            world.async_client() as control,
        ):
            (seen,) = (await control.list_requests())["data"]
            assert (reply.status, seen["operation"]) == (200, "list_payments")
    assert not server.ca_file.exists()


def open_things() -> tuple[int, int]:
    """Return the number of threads and of open descriptors."""
    return threading.active_count(), len(list(DESCRIPTORS.iterdir()))


@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="descriptors are counted by /proc")
def test_starting_and_stopping_leaks_no_threads_or_descriptors() -> None:
    """The server is started two hundred times, and used in some of them."""
    gc.collect()
    with running_sandbox() as server:
        pay(server.new_world())
    before = open_things()
    for number in range(200):
        with running_sandbox() as server:
            if number % 20 == 0:
                pay(server.new_world())
    gc.collect()
    assert open_things() == before


def test_a_port_in_use_raises_in_start_and_leaves_no_thread() -> None:
    before = threading.active_count()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = running_sandbox(port=taken.getsockname()[1])
        with pytest.raises(OSError, match=r"(?i)address already in use"):
            server.start()
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"sed": 7}, "'sed' is not an option of the sandbox; did you mean 'seed'?"),
        ({"xyz": 1}, "'xyz' is not an option of the sandbox; expected one of host, port, tls,"),
    ],
)
def test_an_unknown_option_raises_with_the_closest_match(options: Options, problem: str) -> None:
    """The error comes before anything starts."""
    with pytest.raises(TypeError) as caught:
        running_sandbox(**options)
    assert str(caught.value).startswith(problem)


@for_each(
    ("options", "problem"),
    [
        ({"clock": "tomorrow"}, "clock: expected an ISO 8601 date"),
        ({"max_wall_delay": "soon"}, "max_wall_delay: expected a duration"),
        ({"max_wall_delay": -1}, "max_wall_delay: expected a duration"),
        ({"max_wall_delay": 0.2}, "max_wall_delay: expected a duration"),
        ({"scenario_dirs": ["nowhere"]}, "scenario_dirs: expected an existing folder"),
        ({"seed": -1}, "seed: expected a whole number from 0 to"),
        ({"port": 99_999}, "port: expected a whole number from 0 to 65535"),
        ({"rate_limit": 0}, "rate_limit: expected a whole number from 1 to"),
        ({"max_worlds": True}, "max_worlds: expected a whole number from 2 to"),
    ],
)
def test_an_invalid_option_value_raises_value_error(options: Options, problem: str) -> None:
    """The error comes before anything starts, and equals that of the command line."""
    with pytest.raises(ValueError, match="expected") as caught:
        running_sandbox(**options)
    assert str(caught.value).startswith(problem)


def test_a_string_instead_of_a_list_raises_type_error() -> None:
    """Its characters would become the items."""
    with pytest.raises(TypeError, match=r"scenarios: expected a list, such as \['lost-reply'\]"):
        running_sandbox(scenarios="lost-reply")


def test_an_invalid_webhook_url_raises_in_start() -> None:
    """The command line rejects it too."""
    server = running_sandbox(webhooks=["shop.localhost/webhooks"])
    with pytest.raises(ValueError, match="webhooks: expected an http or https url, or inbox:NAME"):
        server.start()


def test_options_have_the_effects_of_those_of_serve(tmp_path: Path) -> None:
    """Equal seeds also give equal worlds."""
    options: Options = {
        "seed": 7,
        "clock": "2030-01-15T09:00:00Z",
        "rate_limit": 2,
        "control_token": "t0ken",
        "webhooks": ["inbox:orders"],
        "max_wall_delay": 50,
        "scenario_dirs": [tmp_path],
    }
    (tmp_path / "quiet.yaml").write_text("scenario: quiet\nexpect: [{audit: clean}]\n")
    with running_sandbox(**options) as server, server.new_world() as world:
        pay(world)
        assert len(world.control.read_inbox("orders", wait="2s")["data"]) == 1
        assert "quiet" in [each["name"] for each in world.control.list_scenarios()["data"]]
        assert repr(world.rate_limit) == "<RateLimit 1 of 2 left>"
        assert repr(world.clock) == "<Clock frozen at 2030-01-15T09:00:00Z, 0 due>"
    with running_sandbox(**options) as again, again.new_world() as same:
        assert (same.api_key, same.seed) == (world.api_key, world.seed)


def test_every_setting_is_an_option() -> None:
    """A setting that is added for `serve` can be used in tests too."""
    assert Options.__optional_keys__ == set(running_sandbox()._settings.__slots__)  # noqa: SLF001 - no public access


def no_socket(*_arguments: object) -> NoReturn:
    """Replace a socket in a test that forbids them."""
    raise AssertionError("a socket was made")


def test_blocking_clients_work_without_opening_sockets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with running_sandbox() as server:
        monkeypatch.setattr(socket, "socket", no_socket)
        monkeypatch.setattr(socket, "create_connection", no_socket)
        with server.new_world(clock="2030-01-15") as world:
            inbox = world.inbox()
            world.control.create_event("payment.completed")
            world.clock.advance("1d")
            assert len(inbox.messages) == 1
            assert (world.seed, world.base_url) == (
                world.control.retrieve_world()["seed"],
                server.base_url,
            )


def test_a_forked_process_reaches_the_server_over_a_socket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with running_sandbox() as server, server.new_world() as world:
        monkeypatch.setattr(os, "getpid", lambda: -1)
        assert world.payments == []
        monkeypatch.setattr(socket, "create_connection", no_socket)
        with pytest.raises(AssertionError, match="a socket was made"):
            server.new_world()


def test_stopping_a_stopped_server_is_not_an_error() -> None:
    with running_sandbox() as server:
        world = server.new_world()
        server.stop()
        with pytest.raises(Unreachable, match="no answer from"):
            world.control.retrieve_world()


def test_an_unexpected_exception_of_the_server_is_raised_in_the_caller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The handler normally answers every error, so this would be a bug that must be visible."""

    async def fail(_: object) -> NoReturn:
        raise ZeroDivisionError

    with running_sandbox() as server:
        monkeypatch.setattr(server, "_handler", fail)
        with pytest.raises(ZeroDivisionError):
            server.new_world()


def test_a_call_waiting_for_a_server_that_stops_raises_unreachable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server is stopped while the call waits."""
    asked = threading.Event()

    async def hang(_: object) -> NoReturn:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(running_server, "LOOK_AGAIN", 0.001)
    with ThreadPoolExecutor(1) as pool, running_sandbox() as server:
        monkeypatch.setattr(server, "_handler", hang)
        waiting = pool.submit(server.new_world)
        assert asked.wait(LONGEST_WAIT)
        server.stop()
        with pytest.raises(Unreachable, match="no answer from"):
            waiting.result()


def stop_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the clocks as freezegun does: in `time`, and in modules that imported them."""
    for name in ("monotonic", "perf_counter"):
        real = getattr(time, name)
        now = real()
        for module in list(sys.modules.values()):
            if vars(module).get(name) is real:
                monkeypatch.setattr(module, name, lambda now=now: now)


@pytest.mark.parametrize("stopped", ["before", "after"])
def test_server_waits_end_although_a_test_froze_time(
    stopped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if stopped == "before":
        stop_time(monkeypatch)
    with running_sandbox(max_wall_delay="50ms") as server, server.new_world() as world:
        if stopped == "after":
            stop_time(monkeypatch)
        with pytest.raises(ExpectationFailed):
            world.verify({"payments": {}, "count": 1}, within="10ms")
        pay(world, card_number="4000009900000129")  # delayed by 50 ms


def test_servers_with_the_same_seed_generate_different_keys() -> None:
    settings = settings_from({"seed": 7})
    with RunningSandbox(settings, number=1) as one, RunningSandbox(settings, number=2) as other:
        made = [server.new_world() for server in (one, other) for _ in range(2)]
        assert len({world.api_key for world in made}) == len(made)
        assert one.world("sk_test_shop").seed == other.world("sk_test_shop").seed


def test_all_public_names_are_in_dunder_all() -> None:
    assert {"AsyncSandboxTransport", "SandboxTransport"} <= set(testing.__all__)
    assert all(hasattr(testing, name) for name in testing.__all__)


def test_importing_testing_imports_no_server_and_no_http_client() -> None:
    """They are imported on first use."""
    script = "import payments_sandbox.testing, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    heavy = {
        "aiohttp",
        "httpx",
        "requests",
        "http.client",
        "yaml",
        "payments_sandbox.server",
    }
    assert heavy & set(done.stdout.split()) == set()
