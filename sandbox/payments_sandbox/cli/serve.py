"""Owns `payments-sandbox serve`: it runs the server until it is told to stop."""

import argparse
import asyncio
import json
import os
import stat
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final, cast

from payments_sandbox.cli.options import Commands, add_command, refuse
from payments_sandbox.cli.server_options import EPILOG, add_server_options
from payments_sandbox.cli.server_process import Facts, ListeningServer, run_server
from payments_sandbox.cli.signals import on_signals, on_stdin_closed
from payments_sandbox.cli.standard_streams import (
    drop_unwritten,
    terminal_width,
    try_to_print,
)

EXAMPLES: Final = """\
examples:
  payments-sandbox serve
      http://127.0.0.1:8080/v3, and the key is sk_test_sandbox
  payments-sandbox serve --port 0 --ready-file ready.json
      a free port, for scripts
  payments-sandbox serve --clock 2030-01-15T09:00:00Z --seed 7
      the same run every time
  payments-sandbox serve --rate-limit 20
      see how your client takes a 429
  payments-sandbox serve --scenario ./outage.yaml --watch
      what goes wrong, from a file that you edit meanwhile"""

UNTIL_STDIN_CLOSES: Final = "--until-stdin-closes"
_STDIN: Final = 0


def add_to(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser, options = add_command(
        commands,
        "serve",
        usage="serve [options]",
        does="run the server",
        text=f"Run the server until SIGTERM, SIGINT or SIGHUP.\n\n{EXAMPLES}",
        epilog=EPILOG,
    )
    add_server_options(options)
    options.flag(
        UNTIL_STDIN_CLOSES,
        "stop when stdin is closed too: no server outlives the program that started it",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal, or as long as stdin is open."""
    if arguments.until_stdin_closes and _has_no_stdin():
        expected = "expected a pipe that stays open; stdin is closed, or the null device"
        refuse(arguments, UNTIL_STDIN_CLOSES, expected)
    say = _say if arguments.log or sys.stdout.isatty() else None
    until_told = partial(_until_told, watches_stdin=arguments.until_stdin_closes)
    code = run_server(arguments, say, until_told, log_width=terminal_width)
    drop_unwritten(sys.stdout)  # it is no client's fault that nobody reads it, or the disk is full
    return code


def _has_no_stdin() -> bool:
    """Whether it ends at once: what was closed is the null device by now."""
    return stat.S_ISCHR(os.fstat(_STDIN).st_mode) and not os.isatty(_STDIN)


async def _until_told(server: ListeningServer, *, watches_stdin: bool) -> int:
    told_to_stop = asyncio.Event()
    on_signals(lambda _: told_to_stop.set())
    if watches_stdin:
        on_stdin_closed(told_to_stop.set)
    async with server as (facts, _):
        _say(_in_prose(facts) if sys.stdout.isatty() else json.dumps({"ready": True} | facts))
        await told_to_stop.wait()
    return 0


def _in_prose(facts: Facts) -> str:
    token, trusted, path = (facts.get(each) for each in ("control_token", "ca_file", "unix_socket"))
    return "\n".join(
        (
            f"payments-sandbox {facts['version']} is ready.",
            f"  base URL        {facts['base_url']}",
            f"  API key         {facts['api_key']}  (any sk_test_… key gets a world of its own)",
            f"  webhook secret  {facts['webhook_secret']}",
            f"  control API     {facts['sandbox_url']}",
            *([f"  control token   {token}  (send it as Sandbox-Token)"] if token else []),
            *([f"  CA certificate  {trusted}"] if trusted else []),
            *([f"  unix socket     {path}"] if path else []),
            *_fault_lines(cast("Mapping[str, str]", facts.get("tls_faults", {}))),
            "  Ctrl-C stops it. `payments-sandbox cards` lists the magic cards.",
        )
    )


def _fault_lines(faults: Mapping[str, str]) -> Iterator[str]:
    return (f"  {name:<16}{url}" for name, url in faults.items())


def _say(line: str) -> None:
    try_to_print(line, sys.stdout)
