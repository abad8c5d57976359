"""`payments-sandbox reset`: a world begins anew, wholly or in part, and no other does."""

import json

from payments_sandbox.cli.commands.reset import PARTS
from tests.project.tree import ROOT
from tests.support.process import ServeProcess, documented_example, new_remote_world

SCHEMA = ROOT / "schemas" / "control" / "requests" / "reset_world.json"


def test_a_world_is_put_back_to_how_it_was_made(server: ServeProcess) -> None:
    """Its payments and its journal are gone, and those of others are there."""
    world, other = new_remote_world(server.address), new_remote_world(server.address)
    for each in (world, other):
        each.pay()
    reset = world.run("reset")
    shown, counts = world.control("GET", "/world"), other.control("GET", "/world")

    assert (reset.returncode, reset.stderr) == (0, "")
    assert reset.stdout == f"{shown['api_key']}: reset {', '.join(PARTS)}\n"
    assert (sum(shown["payments"].values()), shown["requests"]["kept"]) == (0, 0)
    assert (sum(counts["payments"].values()), counts["requests"]["kept"]) == (1, 1)


def test_only_what_is_named_is_reset(server: ServeProcess) -> None:
    """As on the page; what is named twice is reset once."""
    world = new_remote_world(server.address)
    world.pay()
    shown, line = documented_example("payments-sandbox reset")
    reset = world.run(*shown.removeprefix("$ payments-sandbox ").split(), "--only", "payments")
    after = world.control("GET", "/world")

    assert reset.stdout == line.replace("sk_test_sandbox", str(after["api_key"])) + "\n"
    assert (sum(after["payments"].values()), after["requests"]["kept"]) == (0, 1)


def test_a_part_that_is_none_is_refused(server: ServeProcess) -> None:
    """Exit 2, before anything is asked."""
    reset = new_remote_world(server.address).run("reset", "--only", "payment")
    assert (reset.returncode, reset.stdout) == (2, "")
    assert reset.stderr.splitlines()[-1] == (
        f"payments-sandbox reset: error: argument --only: 'payment': expected {' or '.join(PARTS)}"
    )


def test_the_parts_are_those_of_the_control_api() -> None:
    """No world has others."""
    assert json.loads(SCHEMA.read_text())["properties"]["only"]["items"]["enum"] == list(PARTS)
