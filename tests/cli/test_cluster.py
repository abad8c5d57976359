"""`serve --cluster`: nodes as processes, and what they refuse in words."""

import signal
from collections.abc import Iterator

import pytest

from tests.support.process import RemoteWorld, run, serve_process
from tests.support.redis_server import RedisServer, needs_redis, running_redis

URL = "redis://localhost:6379"


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """An engine of its own."""
    with running_redis() as server:
        yield server


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        (("--cluster", "localhost:6379"), "expected an address such as redis://localhost:6379"),
        (("--cluster", URL, "--workers", "2"), "expected no --workers: start a node for each core"),
        (("--cluster", URL, "--state", "w.json"), "expected no --state: the worlds are kept by"),
        (("--cluster", URL, "--tls", "auto"), "expected no --tls: an encrypted connection cannot"),
        (("--cluster", URL, "--host", "0.0.0.0"), "expected --control-token, the same for each"),
        (("--durability", "always"), "expected relaxed or reply"),
        (("--advertise", "http://x"), "expected a host and perhaps a port, such as 10.0.0.5"),
    ],
)
def test_what_does_not_go_together_is_refused(options: tuple[str, ...], refusal: str) -> None:
    """With exit code 2, before anything is imported or asked."""
    refused = run("serve", "--port", "0", *options)

    assert refused.returncode == 2
    assert f"argument {options[0]}: {refusal}" in refused.stderr


def test_the_missing_extra_is_said() -> None:
    """With the command that installs it."""
    code = (
        "from payments_sandbox.cli import server_options; find = server_options.find_spec;"
        " server_options.find_spec = lambda name: None if name == 'redis' else find(name)"
    )
    refused = run("serve", "--cluster", URL, first=code)

    assert refused.returncode == 2
    assert "it needs the package redis: pip install 'payments-sandbox[cluster]'" in refused.stderr


def test_an_engine_that_is_away_is_said() -> None:
    """With its address."""
    refused = run("serve", "--port", "0", "--cluster", "redis://127.0.0.1:1")

    assert refused.returncode == 2
    assert "--cluster: cannot use redis://127.0.0.1:1" in refused.stderr


@needs_redis
def test_a_world_outlives_its_node(redis: RedisServer) -> None:
    """The next one has it, when the first has ended with 0; the ready line says where it is."""
    options = ("--cluster", redis.url, "--advertise", "127.0.0.1")
    with serve_process(*options) as first:
        world = RemoteWorld(first.address, "sk_test_a")
        assert world.pay().status == 201
        code, _ = first.stop()
    assert code == 0
    with serve_process(*options) as second:
        world = RemoteWorld(second.address, "sk_test_a")
        assert world.control("GET", "/world")["payments"]["completed"] == 1
        assert world.control("GET", "/world")["base_url"] == f"{second.address}/v3"


@needs_redis
def test_what_was_answered_outlives_a_node_that_is_killed(redis: RedisServer) -> None:
    """The smallest story of `tests.nightly.cluster`, where more happens to more of them."""
    options = ("--cluster", redis.url, "--durability", "reply", "--advertise", "127.0.0.1")
    keys = [f"sk_test_{number}" for number in range(8)]  # some of them are the first one's
    with serve_process(*options) as first, serve_process(*options) as second:
        paid = {key: RemoteWorld(first.address, key).pay().json["id"] for key in keys}
        first.stop(signal.SIGKILL)
        for key in keys:
            listed = RemoteWorld(second.address, key).ask("GET", "/v3/payments").json["data"]
            assert [each["id"] for each in listed] == [paid[key]]
