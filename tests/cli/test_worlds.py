"""`payments-sandbox worlds`: the worlds of a server; no command creates one."""

import json
import re
from collections.abc import Iterator
from typing import Final

import pytest

from tests.support.process import RemoteWorld, documented_example, new_remote_world, options_of, run
from tests.support.sockets import running_server
from tests.support.tables import for_each

SHARED: Final = {"--url", "--api-key", "--control-token"}
NAME: Final = "tests/test_shop.py::test_a_lost_reply_is_looked_for"
SHOWN: Final = f"""\
API key         sk_test_golden
name            {NAME}
base URL        http://HOST/v3
webhook secret  whsec_VS+1+b4k8kGEY1Tb7cF9hQE8OEefV9eZVT7l5gu3eLA=
created         WALL
last used       WALL
clock           2030-01-15T10:30:00Z, frozen
due later       0
payments        0 pending, 1 completed, 0 failed
refunds         0
chargebacks     0
events          1
requests        1 kept, 0 dropped
rate limit      999 of 1000 left this hour
seed            7
"""


@pytest.fixture
def world() -> Iterator[RemoteWorld]:
    """Return a world with a name and a payment, on a server that also has the default world."""
    with running_server() as server:
        made = new_remote_world(server.address, seed=7, api_key="sk_test_golden", name=NAME)
        made.pay()
        yield made


@pytest.mark.parametrize(
    ("columns", "shown"),
    [(80, "tests/test_shop.py::…"), (120, NAME)],
)
def test_worlds_list_is_sorted_by_last_use_and_fits_the_width(
    world: RemoteWorld, columns: int, shown: str
) -> None:
    listed = run("worlds", "list", extra=world.variables, columns=columns)
    first, second = listed.stdout.splitlines()

    assert first == f"sk_test_golden   2030-01-15T10:30:00Z  frozen  1 payment   {shown}"
    assert len(first) <= columns
    console, page = documented_example("payments-sandbox worlds list")
    assert console == "$ payments-sandbox worlds list"
    assert (page == first) is (columns == 80)
    assert re.sub(r"20\S+", "WALL", second) == "sk_test_sandbox  WALL  live    0 payments"


@pytest.mark.parametrize("columns", [80, 120])
def test_worlds_show_prints_the_facts_of_a_world(world: RemoteWorld, columns: int) -> None:
    ended = run("worlds", "show", extra=world.variables, columns=columns)
    text = re.sub(r"127.0.0.1:[0-9]+", "HOST", ended.stdout)

    assert re.sub(r"(created|last used)( +)\S+", r"\1\2WALL", text) == SHOWN


def test_json_of_list_and_show_matches_the_control_api(world: RemoteWorld) -> None:
    listed = [
        json.loads(line) for line in world.run("worlds", "list", "--json").stdout.split("\n")[:2]
    ]
    shown = json.loads(world.run("worlds", "show", "sk_test_golden", "--json").stdout)

    assert [each["api_key"] for each in listed] == ["sk_test_golden", "sk_test_sandbox"]
    world_now = world.control("GET", "/world")
    addresses = {name: shown[name] for name in ("base_url", "sandbox_url", "used_at")}
    assert shown == world_now | addresses


def test_worlds_reset_with_only_resets_one_part(world: RemoteWorld) -> None:
    ended = run("worlds", "reset", world.key, "--only", "journal", "--url", world.address)

    assert (ended.returncode, ended.stdout) == (0, "sk_test_golden: reset journal\n")
    assert world.control("GET", "/requests")["data"] == []
    assert world.control("GET", "/payments")["data"] != []


def test_worlds_drop_removes_the_world(world: RemoteWorld) -> None:
    assert world.run("worlds", "drop").stdout == "sk_test_golden: dropped\n"
    assert "sk_test_golden" not in world.run("worlds", "list").stdout


@pytest.mark.parametrize("verb", ["show", "reset", "drop"])
def test_a_key_without_a_world_exits_1_and_creates_no_world(world: RemoteWorld, verb: str) -> None:
    ended = run("worlds", verb, "sk_test_none", "--url", world.address)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"payments-sandbox: sk_test_none has no world at {world.address};"
        " payments-sandbox worlds list shows the existing ones.\n"
    )
    assert "sk_test_none" not in world.run("worlds", "list").stdout


@for_each(
    ("verb", "own"),
    [("list", {"--json"}), ("show", {"--json"}), ("reset", {"--only"}), ("drop", set())],
)
def test_each_worlds_command_has_only_the_options_tested_here(verb: str, own: set[str]) -> None:
    assert options_of(f"worlds {verb}") == SHARED | own


def test_a_live_key_exits_2_without_a_request() -> None:
    ended = run("worlds", "drop", "sk_live_1")

    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1] == (
        "payments-sandbox worlds drop: error: argument KEY:"
        " expected a key of the sandbox, such as sk_test_sandbox"
    )
