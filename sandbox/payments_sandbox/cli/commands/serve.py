"""Owns `payments-sandbox serve`: it runs the server until it is told to stop."""

import argparse
import asyncio
import contextlib
import json
import os
import stat
import sys
from functools import partial
from typing import TYPE_CHECKING, Final

from payments_sandbox.cli.options import Commands, add_command, refuse
from payments_sandbox.cli.processes.server_process import (
    Facts,
    ListeningServer,
    run_to_the_end,
    server_of,
)
from payments_sandbox.cli.processes.signals import on_signals, on_stdin_closed
from payments_sandbox.cli.server_options import add_server_options, check_workers, has_workers
from payments_sandbox.cli.terminal.standard_streams import drop_unwritten, try_to_print
from payments_sandbox.core.option_values import (
    engine_url,
    host_and_port,
    one_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from payments_sandbox.server.world_runtime import WorldRuntime

EXAMPLES: Final = """\
examples:
  payments-sandbox serve
      the API at http://127.0.0.1:8080/v3, with the key sk_test_sandbox
  payments-sandbox serve --port 0 --ready-file ready.json
      a free port, for scripts
  payments-sandbox serve --clock 2030-01-15T09:00:00Z --seed 7
      the same run every time
  payments-sandbox serve --rate-limit 20
      see how your client handles a 429
  payments-sandbox serve --scenario ./outage.yaml --watch
      failures from a file that you can edit while the server runs
  payments-sandbox serve --workers 4 --state ./worlds
      four processes for a team, each with the worlds of its own keys"""

UNTIL_STDIN_CLOSES: Final = "--until-stdin-closes"
_STDIN: Final = 0


_RELAXED: Final = "relaxed"


def add_to(commands: Commands) -> None:
    """Add the command."""
    options = add_command(
        commands,
        "serve [options]",
        "run the server",
        f"Run the server until SIGTERM, SIGINT or SIGHUP.\n\n{EXAMPLES}",
        run,
    )
    add_server_options(options)
    options.value(
        "--cluster",
        "join the cluster of all servers, on any machine, with the same Redis or Valkey",
        read=engine_url,
        metavar="URL",
    )
    options.value(
        "--durability",
        "when a change is stored: within 100 ms (relaxed), or before its reply (reply)"
        " (default: relaxed)",
        default=_RELAXED,
        read=one_of(_RELAXED, "reply"),
        metavar="relaxed|reply",
    )
    options.value(
        "--advertise",
        "the address at which clients and other nodes reach this one (default: detected)",
        read=host_and_port,
        metavar="HOST[:PORT]",
    )
    options.flag(
        UNTIL_STDIN_CLOSES,
        "also stop when stdin closes, so the server does not outlive its parent",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal, or as long as stdin is open."""
    check_workers(arguments)
    if arguments.until_stdin_closes and _has_no_stdin():
        expected = "expected stdin to be a pipe that stays open; it is closed, or the null device"
        refuse(arguments, UNTIL_STDIN_CLOSES, expected)
    log_to = sys.stdout if arguments.log or sys.stdout.isatty() else None
    _check_cluster_options(arguments)
    if arguments.cluster is not None:
        from payments_sandbox.cli.cluster import node_of

        code = run_to_the_end(_serve_until_stopped(arguments, node_of(arguments, log_to=log_to)))
    elif has_workers(arguments):
        from payments_sandbox.cli.processes.workers import serve_with_workers

        code = serve_with_workers(arguments, partial(_announce, arguments), log_to=log_to)
    else:
        code = run_to_the_end(_serve_until_stopped(arguments, server_of(arguments, log_to=log_to)))
    drop_unwritten(sys.stdout)  # an unread stdout or a full disk must not change the exit code
    return code


def _check_cluster_options(arguments: argparse.Namespace) -> None:
    """Reject options that have no effect without a cluster."""
    if arguments.cluster is not None:
        return
    if arguments.durability != _RELAXED:
        refuse(arguments, "--durability", "requires --cluster")
    if arguments.advertise is not None:
        refuse(arguments, "--advertise", "requires --cluster")


def _has_no_stdin() -> bool:
    """Whether stdin is the null device, which also replaces a closed stdin."""
    return stat.S_ISCHR(os.fstat(_STDIN).st_mode) and not os.isatty(_STDIN)


async def _serve_until_stopped(arguments: argparse.Namespace, server: ListeningServer) -> int:
    stopped = asyncio.Event()
    starting = asyncio.current_task()

    def stop(_: int = 0) -> None:
        stopped.set()
        if starting is not None:
            starting.cancel()  # loading a state may take long, and is no longer needed

    on_signals(stop)
    if arguments.until_stdin_closes:
        on_stdin_closed(stop)
    async with contextlib.AsyncExitStack() as stack:
        at_end = stack.enter_context(contextlib.ExitStack())  # runs after webhooks in flight ended
        try:
            listening = await stack.enter_async_context(server)
        except asyncio.CancelledError:
            if not stopped.is_set():
                raise
            return 0
        starting = None
        if listening.log.is_wanted:
            at_end.callback(_start_counting(arguments, listening.runtime))
        _announce(arguments, listening.facts)
        await stopped.wait()
    return 0


def _start_counting(arguments: argparse.Namespace, runtime: "WorldRuntime") -> "Callable[[], None]":
    """Count what the server does from now on; return a function that prints the counts."""
    from payments_sandbox.server.server_totals import ServerTotals

    totals = runtime.totals = ServerTotals(runtime.worlds)

    def sum_up() -> None:
        from payments_sandbox.cli.serve_log import print_summary, summary_of

        print_summary(arguments, summary_of(runtime.metrics, totals))

    return sum_up


def _announce(arguments: argparse.Namespace, facts: Facts) -> None:
    line = json.dumps({"ready": True} | facts)
    if arguments.log != "json" and sys.stdout.isatty():
        from payments_sandbox.cli.serve_log import announced

        line = announced(arguments, facts)
    try_to_print(line, sys.stdout)
