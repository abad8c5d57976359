"""`payments-sandbox advance`: prints what happened, in order, and the new time."""

from typing import Final

from tests.support.process import (
    ServeProcess,
    documented_example,
    environment_name,
    new_remote_world,
    options_of,
    run,
    without_ids,
)
from tests.support.tables import for_each

PENDING: Final = "4000009900000012"
CHARGED_BACK: Final = "4000000000000259"
SHARED: Final = {"--url", "--api-key", "--control-token"}
ONE_OF: Final = "argument DURATION: expected one of DURATION, --to ISO or --next"
WRONG: Final = {
    "no target": ([], ONE_OF),
    "two targets": (["3d", "--next"], ONE_OF),
    "three targets": (["3d", "--next", "--to", "2031-01-01"], ONE_OF),
    "duration without a unit": (
        ["3"],
        "argument DURATION: expected a duration such as 300ms, 5s, 10m, 2h or 45d",
    ),
    "invalid instant": (
        ["--to", "tomorrow"],
        (
            "argument --to: expected an ISO 8601 date, or date and time with Z or an offset,"
            " such as 2025-01-15T10:30:00Z"
        ),
    ),
}


def test_the_example_in_docs_cli_md_matches_the_output(server: ServeProcess) -> None:
    """The example shows two retries of a webhook; only the ids differ."""
    world = new_remote_world(server.address)
    world.control("POST", "/webhook_endpoints", {"url": "inbox:orders"})
    world.control("PUT", "/inbox/orders", {"respond": [500, 500, 200]})
    world.pay()
    ended = world.run("advance", "1h")

    console, *shown = documented_example("payments-sandbox advance")
    assert console == "$ payments-sandbox advance 1h"
    assert (ended.returncode, without_ids(ended.stdout).splitlines(), ended.stderr) == (
        0,
        shown,
        "",
    )


def test_advance_prints_events_in_chronological_order(server: ServeProcess) -> None:
    """Settlements and chargebacks are printed with the ids of their payment and event."""
    world = new_remote_world(server.address)
    settled = world.pay(card_number=PENDING).json["id"]
    charged = world.pay(card_number=CHARGED_BACK).json["id"]
    ended = world.run("advance", "3d")

    first, second = reversed(world.control("GET", "/events?limit=2")["data"])
    assert ended.stdout.splitlines() == [
        f"2030-01-15T11:30:00Z  payment.completed   {settled}  {first['id']}",
        f"2030-01-16T10:30:00Z  chargeback.created  {charged}  {second['id']}",
        "now 2030-01-18T10:30:00Z",
    ]
    assert (ended.returncode, ended.stderr) == (0, "")


def test_next_advances_to_the_next_due_event(server: ServeProcess) -> None:
    """If nothing else is due, the clock stays where it is."""
    world = new_remote_world(server.address)
    world.pay(card_number=PENDING)

    assert [without_ids(world.run("advance", "--next").stdout) for _ in range(2)] == [
        "2030-01-15T11:30:00Z  payment.completed  pay_…  evt_…\nnow 2030-01-15T11:30:00Z\n",
        "now 2030-01-15T11:30:00Z\n",
    ]


def test_to_advances_to_an_instant_and_rejects_a_past_one(server: ServeProcess) -> None:
    """Instants with an offset work too; the server rejects an instant in the past."""
    world = new_remote_world(server.address)

    assert world.run("advance", "--to", "2030-01-15T13:30:00+02:00").stdout == (
        "now 2030-01-15T11:30:00Z\n"
    )
    past = world.run("advance", "--to", "2030-01-15")
    assert (past.returncode, past.stdout) == (1, "")
    assert past.stderr.startswith(
        f"payments-sandbox: {server.address} rejected the request: The request is invalid"
        " (invalid_request):"
        " /to: "
    )


def test_every_option_can_be_set_by_an_environment_variable(server: ServeProcess) -> None:
    """`--to` and `--next` each have a variable."""
    worlds = [new_remote_world(server.address) for _ in range(2)]
    for world in worlds:
        world.pay(card_number=PENDING)
    extras = [{environment_name("--to"): "2030-01-15T11:30:00Z"}, {environment_name("--next"): "1"}]

    ended = [
        run("advance", extra=world.variables | extra)
        for world, extra in zip(worlds, extras, strict=True)
    ]
    assert [each.stdout.splitlines()[1:] for each in ended] == [["now 2030-01-15T11:30:00Z"]] * 2


def test_this_module_covers_every_option_of_advance() -> None:
    """A new option fails this test until it is tested here."""
    assert options_of("advance") == SHARED | {"--to", "--next"}


@for_each(("arguments", "problem"), WRONG.values())
def test_invalid_arguments_exit_2_without_a_request(arguments: list[str], problem: str) -> None:
    """The last line on stderr says what is expected; no server is contacted."""
    ended = run("advance", *arguments)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.splitlines()[-1] == f"payments-sandbox advance: error: {problem}"
