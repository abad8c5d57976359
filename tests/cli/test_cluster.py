"""`serve --cluster`: nodes as processes, and errors for invalid options."""

import signal
from collections.abc import Iterator

import pytest

from tests.support.process import RemoteWorld, run, serve_process
from tests.support.redis_server import RedisServer, needs_redis, running_redis

URL = "redis://localhost:6379"


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """Return a Redis server for this test alone."""
    with running_redis() as server:
        yield server


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        (("--cluster", "localhost:6379"), "expected an address such as redis://localhost:6379"),
        (
            ("--cluster", URL, "--workers", "2"),
            "not allowed with --workers; start a node for each core",
        ),
        (
            ("--cluster", URL, "--state", "w.json"),
            "not allowed with --state: the cluster keeps the",
        ),
        (
            ("--cluster", URL, "--tls", "auto"),
            "not allowed with --tls: encrypted connections cannot",
        ),
        (
            ("--cluster", URL, "--host", "0.0.0.0"),
            "requires --control-token, the same for all nodes",
        ),
        (("--durability", "always"), "expected relaxed or reply"),
        (("--advertise", "http://x"), "expected a host and an optional port, such as 10.0.0.5"),
    ],
)
def test_invalid_combinations_of_cluster_options_exit_2(
    options: tuple[str, ...], refusal: str
) -> None:
    """The error comes before anything is imported or contacted."""
    refused = run("serve", "--port", "0", *options)

    assert refused.returncode == 2
    assert f"argument {options[0]}: {refusal}" in refused.stderr


def test_a_missing_redis_package_is_reported_with_the_install_command() -> None:
    code = (
        "from payments_sandbox.cli import server_options; find = server_options.find_spec;"
        " server_options.find_spec = lambda name: None if name == 'redis' else find(name)"
    )
    refused = run("serve", "--cluster", URL, first=code)

    assert refused.returncode == 2
    assert "requires the package redis: pip install 'payments-sandbox[cluster]'" in refused.stderr


def test_an_unreachable_redis_is_reported_with_its_address() -> None:
    refused = run("serve", "--port", "0", "--cluster", "redis://127.0.0.1:1")

    assert refused.returncode == 2
    assert "--cluster: cannot use redis://127.0.0.1:1" in refused.stderr


@needs_redis
def test_a_world_survives_a_clean_stop_of_its_node(redis: RedisServer) -> None:
    """The first node exits with 0, the next one has the world and its own address."""
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
def test_acknowledged_payments_survive_a_killed_node_with_durability_reply(
    redis: RedisServer,
) -> None:
    """This is the smallest story of `tests.nightly.cluster`, which covers many more."""
    options = ("--cluster", redis.url, "--durability", "reply", "--advertise", "127.0.0.1")
    keys = [f"sk_test_{number}" for number in range(8)]  # some of them belong to the first node
    with serve_process(*options) as first, serve_process(*options) as second:
        paid = {key: RemoteWorld(first.address, key).pay().json["id"] for key in keys}
        first.stop(signal.SIGKILL)
        for key in keys:
            listed = RemoteWorld(second.address, key).ask("GET", "/v3/payments").json["data"]
            assert [each["id"] for each in listed] == [paid[key]]
