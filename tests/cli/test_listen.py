"""`payments-sandbox listen`: webhooks as they are attempted, and an endpoint while it runs."""

import json
import os
import signal
import socket
from typing import Any, Final

import pytest

from tests.support.process import (
    RemoteWorld,
    RunningCommand,
    documented_example,
    environment_name,
    options_of,
    run,
    serve_process,
    started,
    without_ids,
)

SHARED: Final = {"--url", "--api-key", "--control-token"}
FORWARD: Final = ("listen", "--forward-to", "inbox:orders")
NO_URL: Final = "expected an http or https url, or inbox:NAME for a built-in receiver"
KNOWN: Final = (
    "*, payment.*, refund.*, chargeback.*,"
    " payment.completed, payment.failed, refund.created, chargeback.created"
)


def endpoints(world: RemoteWorld) -> list[dict[str, Any]]:
    """The endpoints of a world."""
    return list(world.control("GET", "/webhook_endpoints")["data"])


def messages(world: RemoteWorld, count: int) -> list[tuple[str, bool]]:
    """What has arrived in the inbox once so many are there: types, and whether they are good."""
    found = world.control("GET", f"/inbox/orders?wait=10s&count={count}")["data"]
    return [(each["body"]["type"], each["verified"]) for each in found]


def heading(listener: RunningCommand, *, forwards: bool = True) -> list[str]:
    """The lines that it prints first, masked."""
    return [without_ids(line) for line in listener.lines(4 if forwards else 2)]


def line_of(type_: str, rest: str) -> str:
    """The masked line of a delivery to the inbox at the start of the test's time."""
    outcome, *more = rest.split("  ")
    line = ["2030-01-15T10:30:00Z", f"webhook {type_}", outcome, "evt_…", "inbox:orders"]
    return "  ".join([*line, *more, "N ms", "dlv_…"])


def test_the_page_shows_what_it_prints() -> None:
    """An endpoint that fails once, as docs/cli.md has it; only its url is another."""
    with serve_process("--clock", "2030-01-15T10:30:00Z") as server:
        world = RemoteWorld(server.address, "sk_test_sandbox")
        world.control("PUT", "/inbox/orders", {"respond": [500, 200]})
        with world.running(*FORWARD) as listener:
            printed = heading(listener)
            world.pay()
            printed.append(without_ids(listener.line()))
            world.control("POST", "/clock/advance", {"next": True})
            printed.append(without_ids(listener.line()))

    console, *shown = documented_example("payments-sandbox listen")
    assert console == "$ payments-sandbox listen --forward-to http://HOST/webhooks"
    assert printed == [line.replace("http://HOST/webhooks", "inbox:orders") for line in shown]


def test_every_webhook_of_the_world_is_printed(world: RemoteWorld) -> None:
    """Wherever it goes, whatever comes back, and what becomes of it."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/hooks"
    wishes: list[dict[str, object]] = [
        {"url": "inbox:orders", "events": ["payment.*", "chargeback.*"], "retries": ["1s"]},
        {"url": url, "events": ["refund.*"], "retries": []},
    ]
    for wish in wishes:
        world.control("POST", "/webhook_endpoints", wish)
    world.control("PUT", "/inbox/orders", {"respond": [204, 302, 200, 410]})
    with world.running("listen") as listener:
        begun = heading(listener, forwards=False)
        printed = []
        for event, count in (("payment.completed", 1), ("payment.failed", 1)):
            world.run("trigger", event)
            printed += listener.lines(count)
        world.run("trigger", "refund.created")
        printed += sorted(listener.lines(2))
        world.run("trigger", "chargeback.created", "--data", "{}")
        printed += listener.lines(1)

    assert begun == [
        f"Listening to the webhooks of {world.key} at http://HOST.",
        "  Ctrl-C stops it.",
    ]
    redirect = "answered 302, a redirect to nowhere, which is not followed"
    assert list(map(without_ids, printed)) == [
        line_of("payment.completed", "204"),
        line_of("payment.failed", f"{redirect}  retry at 10:30:01"),
        line_of("payment.completed", "200"),
        (
            "2030-01-15T10:30:00Z  webhook refund.created  the connection was refused  evt_…"
            "  http://HOST/hooks  given up  N ms  dlv_…"
        ),
        line_of("chargeback.created", "answered 410  endpoint disabled or deleted"),
    ]


def test_deliveries_can_be_printed_as_json(world: RemoteWorld) -> None:
    """What is forwarded in the first line, then each delivery with its one attempt."""
    with world.running(*FORWARD, "--json") as listener:
        first = json.loads(listener.line())
        made = endpoints(world)
        world.pay()
        delivery = json.loads(listener.line())

    assert first == {
        "listening": True,
        "url": world.address,
        "api_key": world.key,
        "endpoint": made[0],
    }
    assert [delivery] == world.control("GET", "/deliveries")["data"]


def test_the_endpoint_is_there_while_it_runs(world: RemoteWorld) -> None:
    """Of the wanted events, and signed with the secret that is printed; then it is gone."""
    filters = ("--events", "payment.*", "--events", "refund.created", "--events", "payment.*")
    with world.running(*FORWARD, *filters) as listener:
        printed = listener.lines(4)
        (endpoint,) = endpoints(world)
        for event in ("chargeback.created", "refund.created"):
            world.run("trigger", event)
        assert messages(world, 3) == [
            ("payment.completed", True),
            ("payment.completed", True),
            ("refund.created", True),
        ]
        told = [line.split("  ")[1].removeprefix("webhook ") for line in listener.lines(3)]
        code, _ = listener.stop()
        assert (code, listener.rest()) == (0, ("", ""))

    assert printed[1:3] == [
        f"  forwarded to    inbox:orders  ({endpoint['id']})",
        f"  webhook secret  {endpoint['secret']}",
    ]
    assert endpoint["events"] == ["payment.*", "refund.created"]
    assert told == ["payment.completed", "payment.completed", "refund.created"]
    assert endpoints(world) == []


def test_only_some_events_are_printed(world: RemoteWorld) -> None:
    """Of the endpoints that are there anyway, too."""
    world.control("POST", "/webhook_endpoints", {"url": "inbox:orders"})
    with world.running("listen", "--events", "refund.*") as listener:
        heading(listener, forwards=False)
        for event in ("payment.completed", "refund.created"):
            world.run("trigger", event)
        assert without_ids(listener.line()) == line_of("refund.created", "200")
        listener.stop()
        assert listener.rest() == ("", "")


def test_every_option_can_be_set_in_the_environment(world: RemoteWorld) -> None:
    """Each has its variable; filters are separated by commas."""
    extra = {
        environment_name("--forward-to"): "inbox:orders",
        environment_name("--events"): "payment.failed, refund.*",
        environment_name("--json"): "1",
    }
    with world.running("listen", **extra) as listener:
        endpoint = json.loads(listener.line())["endpoint"]

    assert (endpoint["url"], endpoint["events"]) == ("inbox:orders", ["payment.failed", "refund.*"])


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_ends_it(world: RemoteWorld, name: str) -> None:
    """Exit 0 at once, without a word, and the endpoint is deleted; impatience changes nothing."""
    with world.running(*FORWARD) as listener:
        heading(listener)
        listener.process.send_signal(getattr(signal, name))
        code, _ = listener.stop(getattr(signal, name))
        assert (code, listener.rest()) == (0, ("", ""))

    assert endpoints(world) == []


def test_a_signal_while_it_begins_leaves_no_endpoint(world: RemoteWorld) -> None:
    """Whenever it comes, no endpoint is left behind."""
    with world.running(*FORWARD) as listener:
        while not endpoints(world):
            assert listener.process.poll() is None
        listener.stop()

    assert endpoints(world) == []


def test_a_reset_world_gets_its_endpoint_again(world: RemoteWorld) -> None:
    """With the same secret, and with the events that came before that was noticed."""
    with world.running(*FORWARD) as listener:
        heading(listener)
        world.control("POST", "/world/reset")
        world.pay()
        world.pay(card_number="4000000000000002")
        both = [("payment.completed", True), ("payment.failed", True)]
        assert sorted(messages(world, 2)) == both  # the second may find the endpoint there
        told = sorted(without_ids(line) for line in listener.lines(2))
        world.pay()
        assert without_ids(listener.line()) == line_of("payment.completed", "200")
        assert messages(world, 3)[2:] == [("payment.completed", True)]

    assert told == [line_of(name, "200") for name in ("payment.completed", "payment.failed")]


def test_an_endpoint_of_its_id_that_somebody_else_has_made_is_left_alone(
    world: RemoteWorld,
) -> None:
    """A reset world counts anew: an endpoint that was made since is not taken for ours."""
    with world.running(*FORWARD) as listener:
        heading(listener)
        (ours,) = endpoints(world)
        world.control("POST", "/world/reset")
        theirs = world.control("POST", "/webhook_endpoints", {"url": "inbox:theirs"})
        listener.stop()

    assert theirs["id"] == ours["id"]
    assert endpoints(world) == [theirs]


def test_a_server_that_is_started_anew_is_waited_for() -> None:
    """Is waited for, and gets the endpoint again with the secret that the receiver has."""
    with serve_process("--seed", "1") as first:
        port = first.address.rpartition(":")[2]
        world = RemoteWorld(first.address, "sk_test_shop")
        with world.running(*FORWARD) as listener:
            before = listener.lines(4)
            first.stop()
            gone = listener.error_line()
            with serve_process("--port", port, "--seed", "2"):
                after = listener.lines(4)
                back = listener.error_line()
                world.pay()
                assert " 200 " in listener.line()
                assert messages(world, 1) == [("payment.completed", True)]
                assert listener.stop()[0] == 0

    assert (before[0], before[2:]) == (after[0], after[2:])
    assert [gone, back] == [
        f"payments-sandbox: the server at {world.address} is gone; waiting for it.",
        f"payments-sandbox: the server at {world.address} is back.",
    ]


def test_it_ends_while_the_server_is_gone() -> None:
    """There is nothing to delete, and nothing to say about it."""
    with serve_process() as server:
        world = RemoteWorld(server.address, "sk_test_shop")
        with world.running(*FORWARD) as listener:
            heading(listener)
            server.stop()
            listener.error_line()
            code, _ = listener.stop()
            assert (code, listener.rest()) == (0, ("", ""))


def test_an_endpoint_that_is_there_already_is_noted(world: RemoteWorld) -> None:
    """Each event comes twice: whoever wonders why finds it on stderr."""
    world.control("POST", "/webhook_endpoints", {"url": "inbox:orders"})
    with world.running(*FORWARD) as listener:
        heading(listener)
        note = listener.error_line()
        listener.stop()

    assert note == "payments-sandbox: inbox:orders is an endpoint already: each event comes twice."
    assert len(endpoints(world)) == 1


def test_an_endpoint_that_moves_is_shown_by_its_new_url(world: RemoteWorld) -> None:
    """Its new url is shown, once the old one is no longer fresh; a deleted one is its id."""
    made = world.control("POST", "/webhook_endpoints", {"url": "inbox:orders"})
    path = f"/webhook_endpoints/{made['id']}"
    with world.running("listen") as listener:
        heading(listener, forwards=False)
        shown = set()
        world.control("PATCH", path, {"url": "inbox:invoices"})
        while "inbox:invoices" not in shown:
            world.pay()
            shown.add(listener.line().split("  ")[4])

    assert shown <= {"inbox:orders", "inbox:invoices"}


def test_a_reader_that_has_seen_enough_is_no_error(world: RemoteWorld) -> None:
    """As in `payments-sandbox listen | head -4`: no traceback, and no endpoint is left."""
    reader, writer = os.pipe()
    with (
        started(FORWARD, extra=world.variables, stdout=writer) as process,
        os.fdopen(reader) as head,
    ):
        os.close(writer)
        for _ in range(4):
            head.readline()
        head.close()
        world.pay()
        assert process.communicate(timeout=20)[1] == ""
    assert (process.returncode, endpoints(world)) == (0, [])


def test_every_option_is_tried() -> None:
    """An option that is added is tested here."""
    assert options_of("listen") == SHARED | {"--forward-to", "--events", "--json"}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--forward-to", "localhost:3000"], f"argument --forward-to: {NO_URL}"),
        (["--events", "payments.*"], f"argument --events: 'payments.*': expected one of {KNOWN}"),
    ],
    ids=["url", "filter"],
)
def test_a_wrong_call_says_what_would_have_worked(arguments: list[str], problem: str) -> None:
    """Exit 2; the last line says what would have worked."""
    ended = run("listen", *arguments)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.splitlines()[-1] == f"payments-sandbox listen: error: {problem}"


def test_a_url_that_the_server_refuses_is_told_in_its_words(world: RemoteWorld) -> None:
    """Exit 1, and what the server says."""
    ended = world.run("listen", "--forward-to", "http://8.8.8.8/")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"payments-sandbox: {world.address} refuses: The request is invalid (invalid_request):"
        " /url: expected a private address; --webhook-targets public permits others.\n"
    )
