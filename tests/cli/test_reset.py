"""`payments-sandbox reset`: resets one world, as a whole or in part."""

import json

from payments_sandbox.cli.commands.reset import PARTS
from tests.project.tree import ROOT
from tests.support.process import ServeProcess, documented_example, new_remote_world

SCHEMA = ROOT / "schemas" / "control" / "requests" / "reset_world.json"


def test_reset_clears_one_world_and_leaves_others_unchanged(server: ServeProcess) -> None:
    """Its payments and journal are gone; those of another world are kept."""
    world, other = new_remote_world(server.address), new_remote_world(server.address)
    for each in (world, other):
        each.pay()
    reset = world.run("reset")
    shown, counts = world.control("GET", "/world"), other.control("GET", "/world")

    assert (reset.returncode, reset.stderr) == (0, "")
    assert reset.stdout == f"{shown['api_key']}: reset {', '.join(PARTS)}\n"
    assert (sum(shown["payments"].values()), shown["requests"]["kept"]) == (0, 0)
    assert (sum(counts["payments"].values()), counts["requests"]["kept"]) == (1, 1)


def test_only_resets_the_named_parts_as_in_docs_cli_md(server: ServeProcess) -> None:
    """A part that is named twice is reset once."""
    world = new_remote_world(server.address)
    world.pay()
    shown, line = documented_example("payments-sandbox reset")
    reset = world.run(*shown.removeprefix("$ payments-sandbox ").split(), "--only", "payments")
    after = world.control("GET", "/world")

    assert reset.stdout == line.replace("sk_test_sandbox", str(after["api_key"])) + "\n"
    assert (sum(after["payments"].values()), after["requests"]["kept"]) == (0, 1)


def test_an_unknown_part_exits_2(server: ServeProcess) -> None:
    reset = new_remote_world(server.address).run("reset", "--only", "payment")
    assert (reset.returncode, reset.stdout) == (2, "")
    assert reset.stderr.splitlines()[-1] == (
        f"payments-sandbox reset: error: argument --only: 'payment': expected {' or '.join(PARTS)}"
    )


def test_the_parts_match_the_control_apis_schema() -> None:
    assert json.loads(SCHEMA.read_text())["properties"]["only"]["items"]["enum"] == list(PARTS)
