"""A sandbox in a thread: it starts and stops in milliseconds, leaves nothing, and fails aloud."""

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
from tests.support.values import KEY, LONGEST_WAIT

DESCRIPTORS: Final = Path("/proc/self/fd")


def test_a_running_sandbox_says_where_it_is() -> None:
    """The addresses of both APIs, and the key and secret that every server has."""
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


async def test_a_sandbox_runs_beside_an_event_loop() -> None:
    """`async with` will do as well, and the loop of the test is not the server's."""
    async with running_sandbox(seed=7) as server, server.new_world().async_client() as control:
        assert (await control.live())["live"] is True
        assert len(asyncio.all_tasks()) == 1


async def test_a_running_sandbox_speaks_tls_and_our_clients_need_nobody_to_trust() -> None:
    """Its worlds are found under TLS; clients of its control API use the same port without."""
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
    """How many threads and descriptors there are."""
    return threading.active_count(), len(list(DESCRIPTORS.iterdir()))


@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="descriptors are counted by /proc")
def test_starts_and_stops_leave_no_thread_and_no_descriptor() -> None:
    """Two hundred starts and stops, some of them of use, leave no thread and no descriptor."""
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


def test_a_taken_port_is_the_callers_error() -> None:
    """It is raised where the server is started, and no thread is left."""
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
def test_an_unknown_option_is_refused_with_the_nearest(options: Options, problem: str) -> None:
    """ControlApiError before anything starts, with the one that was meant."""
    with pytest.raises(TypeError) as caught:
        running_sandbox(**options)
    assert str(caught.value).startswith(problem)


@pytest.mark.parametrize(
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
def test_a_value_that_makes_no_sense_is_refused(options: Options, problem: str) -> None:
    """ValueError before anything starts, with what would have worked: those of the command line."""
    with pytest.raises(ValueError, match="expected") as caught:
        running_sandbox(**options)
    assert str(caught.value).startswith(problem)


def test_one_text_in_the_place_of_a_list_is_refused() -> None:
    """Its letters would be the list."""
    with pytest.raises(TypeError, match=r"scenarios: expected a list, such as \['lost-reply'\]"):
        running_sandbox(scenarios="lost-reply")


def test_a_webhook_that_is_no_url_is_refused_where_the_server_starts() -> None:
    """As on the command line; nothing would ever have arrived there."""
    server = running_sandbox(webhooks=["shop.localhost/webhooks"])
    with pytest.raises(ValueError, match="webhooks: expected an http or https url, or inbox:NAME"):
        server.start()


def test_options_are_those_of_serve(tmp_path: Path) -> None:
    """What a server is told in the thread holds as if it were told on the command line."""
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
    """A setting that `serve` gets is one that a test can give."""
    assert Options.__optional_keys__ == set(running_sandbox()._settings.__slots__)  # noqa: SLF001 - nobody else has to see them


def no_socket(*_arguments: object) -> NoReturn:
    """Stand for a socket in a test that allows none."""
    raise AssertionError("a socket was made")


def test_blocking_clients_work_where_a_test_allows_no_socket(
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


def test_a_process_that_was_forked_asks_over_a_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_sandbox() as server, server.new_world() as world:
        monkeypatch.setattr(os, "getpid", lambda: -1)
        assert world.payments == []
        monkeypatch.setattr(socket, "create_connection", no_socket)
        with pytest.raises(AssertionError, match="a socket was made"):
            server.new_world()


def test_a_server_that_was_stopped_is_stopped_again_without_a_word() -> None:
    with running_sandbox() as server:
        world = server.new_world()
        server.stop()
        with pytest.raises(Unreachable, match="no answer from"):
            world.control.retrieve_world()


def test_what_the_server_raises_is_raised_where_it_was_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its handler answers whatever happens; what it does not is a bug that somebody should see."""

    async def fail(_: object) -> NoReturn:
        raise ZeroDivisionError

    with running_sandbox() as server:
        monkeypatch.setattr(server, "_handler", fail)
        with pytest.raises(ZeroDivisionError):
            server.new_world()


def test_who_waits_for_a_server_that_stops_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it has waited."""
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
    """Replace the clocks as freezegun does: in `time`, and in each module that has taken one."""
    for name in ("monotonic", "perf_counter"):
        real = getattr(time, name)
        now = real()
        for module in list(sys.modules.values()):
            if vars(module).get(name) is real:
                monkeypatch.setattr(module, name, lambda now=now: now)


@pytest.mark.parametrize("stopped", ["before", "after"])
def test_waits_of_the_server_end_while_a_test_has_stopped_time(
    stopped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if stopped == "before":
        stop_time(monkeypatch)
    with running_sandbox(max_wall_delay="50ms") as server, server.new_world() as world:
        if stopped == "after":
            stop_time(monkeypatch)
        with pytest.raises(ExpectationFailed):
            world.verify({"payments": {}, "count": 1}, within="10ms")
        pay(world, card_number="4000009900000129")  # held for the 50 ms


def test_servers_of_one_seed_make_worlds_of_different_keys() -> None:
    settings = settings_from({"seed": 7})
    with RunningSandbox(settings, number=1) as one, RunningSandbox(settings, number=2) as other:
        made = [server.new_world() for server in (one, other) for _ in range(2)]
        assert len({world.api_key for world in made}) == len(made)
        assert one.world("sk_test_shop").seed == other.world("sk_test_shop").seed


def test_all_that_is_public_is_listed() -> None:
    assert {"AsyncSandboxTransport", "SandboxTransport"} <= set(testing.__all__)
    assert all(hasattr(testing, name) for name in testing.__all__)


def test_importing_testing_imports_no_server_and_no_client() -> None:
    """Neither the server's framework nor anybody's client is imported before it is used."""
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
