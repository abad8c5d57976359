"""`payments-sandbox clock`: `show`, `freeze` and `resume`."""

import json
from typing import Final

import pytest

from tests.support.process import (
    RemoteWorld,
    ServeProcess,
    documented_example,
    new_remote_world,
    options_of,
    run,
    without_ids,
)

SHARED: Final = {"--url", "--api-key", "--control-token", "--json"}
PENDING: Final = "4000009900000012"


@pytest.fixture
def world(server: ServeProcess) -> RemoteWorld:
    """Return a world with a frozen clock and a fixed seed."""
    return new_remote_world(server.address, seed=7)


@pytest.mark.parametrize("columns", [80, 120])
def test_clock_show_prints_the_time_and_due_events(world: RemoteWorld, columns: int) -> None:
    world.pay(card_number=PENDING)
    ended = run("clock", "show", extra=world.variables, columns=columns)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == (
        "now 2030-01-15T10:30:00Z, frozen\n"
        "due  2030-01-15T11:30:00Z  payment.completed  pay_89a87720e551cafb\n"
    )


def test_the_example_in_docs_cli_md_matches_the_output(world: RemoteWorld) -> None:
    world.pay(card_number=PENDING)
    console, *shown = documented_example("payments-sandbox clock show")
    assert without_ids(world.run(*console.split()[2:]).stdout).splitlines() == shown


def test_clock_freeze_at_an_instant_runs_everything_due_until_then(
    world: RemoteWorld,
) -> None:
    world.pay(card_number=PENDING)
    ended = world.run("clock", "freeze", "--at", "2030-01-16T00:00:00Z")

    assert (ended.returncode, ended.stdout) == (0, "now 2030-01-16T00:00:00Z, frozen\n")
    [payment] = world.control("GET", "/payments")["data"]
    assert payment["status"] == "completed"


def test_clock_resume_makes_the_clock_live_and_clock_freeze_stops_it(world: RemoteWorld) -> None:
    running = world.run("clock", "resume")
    assert (running.returncode, running.stdout[-7:]) == (0, ", live\n")
    stopped = json.loads(world.run("clock", "freeze", "--json").stdout)

    assert stopped["mode"] == "frozen"
    assert json.loads(world.run("clock", "show", "--json").stdout)["now"] == stopped["now"]


def test_clock_show_prints_the_id_of_a_due_delivery(world: RemoteWorld) -> None:
    world.control("POST", "/webhook_endpoints", {"url": "inbox:orders"})
    world.control("PUT", "/inbox/orders", {"respond": [500]})
    world.pay()
    world.control("POST", "/clock/advance", {"by": "1s"})

    due = world.control("GET", "/clock")["due"][0]
    where = due["payment_id"] or due["delivery_id"]
    assert world.run("clock", "show").stdout.splitlines()[1].endswith(f"  {where}")


def test_clock_freeze_rejects_an_instant_in_the_past(world: RemoteWorld) -> None:
    ended = world.run("clock", "freeze", "--at", "2020-01-01")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert "time never goes back" in ended.stderr


@pytest.mark.parametrize(
    ("verb", "own"), [("show", set()), ("freeze", {"--at"}), ("resume", set())]
)
def test_each_clock_command_has_only_the_options_tested_here(verb: str, own: set[str]) -> None:
    assert options_of(f"clock {verb}") == SHARED | own
