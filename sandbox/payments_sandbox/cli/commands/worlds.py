"""Owns `payments-sandbox worlds`: it lists, shows, resets and drops worlds of a running server."""

import argparse
import json
import sys
from typing import TYPE_CHECKING, Final

from payments_sandbox.cli.commands import reset
from payments_sandbox.cli.failure import CommandFailedError
from payments_sandbox.cli.options import CommandOptions, Commands, add_command, add_group, argument
from payments_sandbox.cli.remote_options import (
    add_remote_options,
    api_key,
    control_client,
)
from payments_sandbox.cli.terminal.columns import Cell, Row, print_facts, print_json, print_rows
from payments_sandbox.cli.terminal.screen import screen_of
from payments_sandbox.core.colours import NAME, QUIET, STRONG
from payments_sandbox.core.instants import read_instant, show_instant
from payments_sandbox.core.wording import counted

if TYPE_CHECKING:  # imported only to make a request, so that --help is instant
    from collections.abc import Callable, Iterator

    from payments_sandbox.client.client import SandboxClient
    from payments_sandbox.client.models import WorldModel

TEXT: Final = """\
Look at the worlds of a running server: each API key has one.

examples:
  payments-sandbox worlds list
  payments-sandbox worlds show sk_test_sandbox
  payments-sandbox worlds reset sk_test_sandbox --only journal
  payments-sandbox worlds drop sk_test_5e3fd11c2ab04a6f"""

LIST_TEXT: Final = """\
List the worlds of a server, most recently used first: the key, the time of its clock, the
number of payments, and the name.

examples:
  payments-sandbox worlds list
  payments-sandbox worlds list --json | jq .api_key"""

SHOW_TEXT: Final = """\
Show a summary of a world. If the key has no world, none is created.

examples:
  payments-sandbox worlds show
  payments-sandbox worlds show sk_test_5e3fd11c2ab04a6f --json"""

DROP_TEXT: Final = """\
Drop a world and everything that waits in it. If its key is used again, it gets a new one.

examples:
  payments-sandbox worlds drop sk_test_5e3fd11c2ab04a6f"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    verbs = add_group(
        commands, "worlds (list | show | reset | drop) …", "list, show, reset and drop worlds", TEXT
    )
    options = add_command(
        verbs, "list [options]", "list the worlds of a server", LIST_TEXT, list_worlds
    )
    options.flag("--json", "all details of each, as one line of JSON")
    add_remote_options(options)
    options = _add_for_one(verbs, "show", "show a summary of a world", SHOW_TEXT, show)
    options.flag("--json", "as JSON, like GET /_sandbox/world")
    add_remote_options(options)
    does = "the same as payments-sandbox reset"
    options = _add_for_one(verbs, "reset", does, reset.text_of("worlds reset"), reset_world)
    reset.add_only(options)
    add_remote_options(options)
    add_remote_options(_add_for_one(verbs, "drop", "drop a world", DROP_TEXT, drop))


def _add_for_one(
    verbs: Commands, name: str, does: str, text: str, run: "Callable[[argparse.Namespace], int]"
) -> CommandOptions:
    options = add_command(verbs, f"{name} [KEY] [options]", does, text, run)
    options.parser.add_argument(
        "key",
        nargs="?",
        type=argument(api_key),
        metavar="KEY",
        help="the key of the world (default: that of --api-key)",
    )
    return options


def list_worlds(arguments: argparse.Namespace) -> int:
    """Print a line for each world, the most recently used first."""
    with control_client(arguments) as client:
        worlds = list(_worlds(client))
    if arguments.json:
        sys.stdout.write("".join(f"{json.dumps(world)}\n" for world in worlds))
    else:
        print_rows(screen_of(arguments), [_row(world) for world in worlds], cut=((4, 1),))
    return 0


def _row(world: "WorldModel") -> Row:
    count = sum((world["payments"]["pending"], *_settled(world)))
    return (
        Cell(world["api_key"], STRONG),
        Cell(show_instant(read_instant(world["clock"]["now"])), QUIET),
        world["clock"]["mode"],
        counted(count, "payment"),
        Cell(world.get("name", ""), NAME),
    )


def _settled(world: "WorldModel") -> tuple[int, int]:
    return world["payments"]["completed"], world["payments"]["failed"]


def show(arguments: argparse.Namespace) -> int:
    """Print a summary of one world."""
    with control_client(_with_key(arguments)) as client:
        world = _find_listed(client)
    if arguments.json:
        print_json(world)
        return 0
    completed, failed = _settled(world)
    limit = world["rate_limit"]
    print_facts(
        screen_of(arguments),
        (
            ("API key", Cell(world["api_key"], STRONG)),
            ("name", Cell(world.get("name", ""), NAME)),
            ("base URL", world["base_url"]),
            ("webhook secret", world["webhook_secret"]),
            ("created", world["created_at"]),
            ("last used", world.get("used_at")),
            ("clock", f"{world['clock']['now']}, {world['clock']['mode']}"),
            ("due later", len(world["clock"]["due"])),
            (
                "payments",
                f"{world['payments']['pending']} pending, {completed} completed, {failed} failed",
            ),
            ("refunds", world["refunds"]),
            ("chargebacks", world["chargebacks"]),
            ("events", world["events"]),
            (
                "requests",
                f"{world['requests']['kept']} kept, {world['requests']['dropped']} dropped",
            ),
            ("rate limit", f"{limit['remaining']} of {limit['limit']} left this hour"),
            ("seed", world["seed"]),
            ("restarted", world["restarted"]),
        ),
    )
    return 0


def reset_world(arguments: argparse.Namespace) -> int:
    """Reset the world, if the key has one."""
    with control_client(_with_key(arguments)) as client:
        _find_listed(client)
        reset.reset_parts(client, arguments.only)
    return 0


def drop(arguments: argparse.Namespace) -> int:
    """Drop the world, if the key has one."""
    with control_client(_with_key(arguments)) as client:
        _find_listed(client)
        client.delete_world()
        sys.stdout.write(f"{client.api_key}: dropped\n")
    return 0


def _with_key(arguments: argparse.Namespace) -> argparse.Namespace:
    """The arguments, with the positional KEY in place of `--api-key`."""
    if arguments.key is not None:
        arguments.api_key = arguments.key
    return arguments


def _find_listed(client: "SandboxClient") -> "WorldModel":
    """Find the world of the client's key in the list: retrieving it would make one."""
    for world in _worlds(client):
        if world["api_key"] == client.api_key:
            return world
    hint = "payments-sandbox worlds list shows the existing ones"
    raise CommandFailedError(f"{client.api_key} has no world at {client.url}; {hint}")


def _worlds(client: "SandboxClient") -> "Iterator[WorldModel]":
    from payments_sandbox.client.messages import every

    return every(client.list_worlds)
