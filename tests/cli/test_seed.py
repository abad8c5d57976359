"""`payments-sandbox seed`: what it sends and prints, and its errors."""

from typing import Final

import pytest

from tests.support.process import RemoteWorld, ServeProcess, documented_example, new_remote_world

WRONG: Final = {
    "--payments": ("0", "expected a whole number from 1 to 1000000"),
    "--customers": ("many", "expected a whole number from 1 to 100000"),
    "--over": ("a month", "expected a duration such as 300ms, 5s, 10m, 2h or 45d"),
    "--seed": ("-1", "expected a whole number from 0 to 9007199254740991"),
}


def payments(world: RemoteWorld) -> list[dict[str, object]]:
    """Return the newest payments of a world without their ids."""
    found = world.ask("GET", "/v3/payments?limit=100").json["data"]
    return [{key: value for key, value in each.items() if key != "id"} for each in found]


def test_the_example_in_docs_cli_md_matches_the_output(server: ServeProcess) -> None:
    world = new_remote_world(server.address, seed=1)
    shown, line = documented_example("payments-sandbox seed")
    seeded = world.run(*shown.removeprefix("$ payments-sandbox ").split())
    assert (seeded.returncode, seeded.stderr, seeded.stdout) == (0, "", f"{line}\n")


def test_every_option_is_sent_to_the_server(server: ServeProcess) -> None:
    """Equal seeds give equal payments, also through the control API."""
    options = ("--payments", "40", "--customers", "2", "--over", "2d", "--seed", "7")
    one, other, drawn = (new_remote_world(server.address, seed=seed) for seed in (1, 2, 3))
    assert one.run("seed", *options).stdout == "40 payments: 39 completed, 1 failed\n"
    other.control("POST", "/world/seed", {"payments": 40, "customers": 2, "over": "2d", "seed": 7})
    drawn.control("POST", "/world/seed", {"payments": 40, "customers": 2, "over": "2d"})

    assert payments(one) == payments(other) != payments(drawn)
    assert {str(each["created_at"])[:7] for each in payments(one)} == {"2030-01"}


def test_a_used_world_can_be_seeded_and_only_new_payments_are_counted(server: ServeProcess) -> None:
    world = new_remote_world(server.address)
    world.pay()
    seeded = world.run("seed", "--payments", "40", "--customers", "2", "--seed", "7")
    assert (seeded.returncode, seeded.stderr) == (0, "")
    assert seeded.stdout == "40 payments: 39 completed, 1 failed\n"


@pytest.mark.parametrize("option", WRONG)
def test_an_invalid_value_exits_2_naming_its_option(server: ServeProcess, option: str) -> None:
    value, expected = WRONG[option]
    seeded = new_remote_world(server.address).run("seed", option, value)
    last = seeded.stderr.splitlines()[-1]
    assert (seeded.returncode, last) == (
        2,
        f"payments-sandbox seed: error: argument {option}: {expected}",
    )
