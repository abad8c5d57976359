"""`payments-sandbox listen`: prints delivery attempts, and keeps an endpoint while it runs."""

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
    """Return the endpoints of a world."""
    return list(world.control("GET", "/webhook_endpoints")["data"])


def messages(world: RemoteWorld, count: int) -> list[tuple[str, bool]]:
    """Wait for messages in the inbox, and return type and verification of each."""
    found = world.control("GET", f"/inbox/orders?wait=10s&count={count}")["data"]
    return [(each["body"]["type"], each["verified"]) for each in found]


def heading(listener: RunningCommand, *, forwards: bool = True) -> list[str]:
    """Return the first lines that `listen` prints, masked."""
    return [without_ids(line) for line in listener.lines(4 if forwards else 2)]


def line_of(type_: str, rest: str) -> str:
    """Return the masked line of a delivery to the inbox at the initial time of the world."""
    outcome, *more = rest.split("  ")
    line = ["2030-01-15T10:30:00Z", f"webhook {type_}", outcome, "evt_…", "inbox:orders"]
    return "  ".join([*line, *more, "N ms", "dlv_…"])


def test_the_example_in_docs_cli_md_matches_the_output() -> None:
    """The endpoint fails once; only its URL differs from the example."""
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


def test_listen_prints_every_delivery_attempt_with_its_result(world: RemoteWorld) -> None:
    """The results are an answer, a redirect, a refused connection and a disabled endpoint."""
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


def test_json_prints_the_endpoint_and_then_each_delivery(world: RemoteWorld) -> None:
    """The first line describes the endpoint; each later line is a delivery with one attempt."""
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


def test_forward_to_creates_an_endpoint_and_deletes_it_on_exit(world: RemoteWorld) -> None:
    """It gets only the chosen events, signed with the secret that `listen` prints."""
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


def test_events_filters_what_is_printed_for_existing_endpoints(world: RemoteWorld) -> None:
    world.control("POST", "/webhook_endpoints", {"url": "inbox:orders"})
    with world.running("listen", "--events", "refund.*") as listener:
        heading(listener, forwards=False)
        for event in ("payment.completed", "refund.created"):
            world.run("trigger", event)
        assert without_ids(listener.line()) == line_of("refund.created", "200")
        listener.stop()
        assert listener.rest() == ("", "")


def test_every_option_can_be_set_by_an_environment_variable(world: RemoteWorld) -> None:
    """Filters in a variable are separated by commas."""
    extra = {
        environment_name("--forward-to"): "inbox:orders",
        environment_name("--events"): "payment.failed, refund.*",
        environment_name("--json"): "1",
    }
    with world.running("listen", **extra) as listener:
        endpoint = json.loads(listener.line())["endpoint"]

    assert (endpoint["url"], endpoint["events"]) == ("inbox:orders", ["payment.failed", "refund.*"])


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_exits_0_silently_and_deletes_the_endpoint(world: RemoteWorld, name: str) -> None:
    """A second signal changes nothing."""
    with world.running(*FORWARD) as listener:
        heading(listener)
        listener.process.send_signal(getattr(signal, name))
        code, _ = listener.stop(getattr(signal, name))
        assert (code, listener.rest()) == (0, ("", ""))

    assert endpoints(world) == []


def test_a_signal_during_startup_leaves_no_endpoint(world: RemoteWorld) -> None:
    """The signal comes as soon as the endpoint exists."""
    with world.running(*FORWARD) as listener:
        while not endpoints(world):
            assert listener.process.poll() is None
        listener.stop()

    assert endpoints(world) == []


def test_the_endpoint_is_recreated_after_a_world_reset(world: RemoteWorld) -> None:
    """It keeps its secret, and gets the events from before `listen` noticed the reset."""
    with world.running(*FORWARD) as listener:
        heading(listener)
        world.control("POST", "/world/reset")
        world.pay()
        world.pay(card_number="4000000000000002")
        both = [("payment.completed", True), ("payment.failed", True)]
        assert sorted(messages(world, 2)) == both  # the second may already find the endpoint
        told = sorted(without_ids(line) for line in listener.lines(2))
        world.pay()
        assert without_ids(listener.line()) == line_of("payment.completed", "200")
        assert messages(world, 3)[2:] == [("payment.completed", True)]

    assert told == [line_of(name, "200") for name in ("payment.completed", "payment.failed")]


def test_an_endpoint_of_another_client_with_a_reused_id_is_not_deleted(
    world: RemoteWorld,
) -> None:
    """Ids start again after a reset, so a new endpoint can get the id of the deleted one."""
    with world.running(*FORWARD) as listener:
        heading(listener)
        (ours,) = endpoints(world)
        world.control("POST", "/world/reset")
        theirs = world.control("POST", "/webhook_endpoints", {"url": "inbox:theirs"})
        listener.stop()

    assert theirs["id"] == ours["id"]
    assert endpoints(world) == [theirs]


def test_listen_waits_for_a_restarted_server_and_recreates_its_endpoint() -> None:
    """The new endpoint has the secret that the receiver already knows."""
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


def test_listen_exits_0_while_the_server_is_down() -> None:
    """There is no endpoint to delete, and nothing is printed about it."""
    with serve_process() as server:
        world = RemoteWorld(server.address, "sk_test_shop")
        with world.running(*FORWARD) as listener:
            heading(listener)
            server.stop()
            listener.error_line()
            code, _ = listener.stop()
            assert (code, listener.rest()) == (0, ("", ""))


def test_an_existing_endpoint_for_the_same_url_is_noted_on_stderr(world: RemoteWorld) -> None:
    """The note explains why each event is delivered twice."""
    world.control("POST", "/webhook_endpoints", {"url": "inbox:orders"})
    with world.running(*FORWARD) as listener:
        heading(listener)
        note = listener.error_line()
        listener.stop()

    assert (
        note
        == "payments-sandbox: inbox:orders is already an endpoint; each event will be sent twice."
    )
    assert len(endpoints(world)) == 1


def test_an_endpoint_whose_url_changes_is_shown_with_the_new_url(world: RemoteWorld) -> None:
    """The URL is cached for a while, so the first lines may still show the old one."""
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


def test_a_closed_stdout_pipe_is_not_an_error(world: RemoteWorld) -> None:
    """As in `payments-sandbox listen | head -4`: no traceback, and the endpoint is deleted."""
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


def test_this_module_covers_every_option_of_listen() -> None:
    """A new option fails this test until it is tested here."""
    assert options_of("listen") == SHARED | {"--forward-to", "--events", "--json"}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--forward-to", "localhost:3000"], f"argument --forward-to: {NO_URL}"),
        (["--events", "payments.*"], f"argument --events: 'payments.*': expected one of {KNOWN}"),
    ],
    ids=["url", "filter"],
)
def test_invalid_arguments_exit_2_and_say_what_is_expected(
    arguments: list[str], problem: str
) -> None:
    ended = run("listen", *arguments)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.splitlines()[-1] == f"payments-sandbox listen: error: {problem}"


def test_a_url_that_the_server_rejects_exits_1_with_its_error(world: RemoteWorld) -> None:
    ended = world.run("listen", "--forward-to", "http://8.8.8.8/")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"payments-sandbox: {world.address} rejected the request: The request is invalid"
        " (invalid_request):"
        " /url: expected a private address; --webhook-targets public permits others.\n"
    )
