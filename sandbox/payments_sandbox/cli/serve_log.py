"""Owns what `serve` and `run` print of requests and webhooks, and the summary at the end."""

import argparse
import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Final, TextIO, cast

from payments_sandbox.cli.columns import in_words, print_facts
from payments_sandbox.cli.follow import OF_ATTEMPTS
from payments_sandbox.cli.screen import screen_of, width_of
from payments_sandbox.cli.server_process import Facts
from payments_sandbox.cli.standard_streams import try_to_print
from payments_sandbox.core.colours import NAME, QUIET, STRONG
from payments_sandbox.server.request_log import RequestLog
from payments_sandbox.server.server_totals import EVENTS, ServerTotals

JSON: Final = "json"


def make_log(arguments: argparse.Namespace, stream: TextIO) -> RequestLog:
    """The log that the options ask for.

    Args:
        arguments: of the command, with `--log` and `--no-color`.
        stream: where it goes.
    """

    def say(line: str) -> None:
        try_to_print(line, stream)

    if arguments.log == JSON:
        from payments_sandbox.server.factory import wall_clock
        from payments_sandbox.server.json_log import JsonLog

        return JsonLog(say, wall_clock)
    width = partial(width_of, stream)  # a terminal may become another size
    if not screen_of(arguments, stream).has_colours:
        return RequestLog(say, width)
    from payments_sandbox.server.log_colours import LOG_COLOURS

    return RequestLog(say, width, LOG_COLOURS)


def announced(arguments: argparse.Namespace, facts: Facts) -> str:
    """What a server says of itself, for who reads it on a terminal."""
    screen = screen_of(arguments)
    token, page = facts.get("control_token"), f"{facts['sandbox_url']}/"
    faults = cast("Mapping[str, str]", facts.get("tls_faults", {}))
    told = (
        ("base URL", facts["base_url"], ""),
        ("API key", facts["api_key"], "  (any sk_test_… key gets a world of its own)"),
        ("webhook secret", facts["webhook_secret"], ""),
        ("control API", facts["sandbox_url"], ""),
        ("control token", token, "  (send it as Sandbox-Token)"),
        ("CA certificate", facts.get("ca_file"), ""),
        ("unix socket", facts.get("unix_socket"), ""),
        *((name, url, "") for name, url in faults.items()),
        ("dashboard", screen.link(page, page), ""),
    )
    lines = [
        f"  {screen.paint(f'{name:<14}', QUIET)}  {screen.paint(str(fact), NAME)}{besides}"
        for name, fact, besides in told
        if fact is not None
    ]
    ready = screen.paint(f"payments-sandbox {facts['version']} is ready.", STRONG)
    ending = "  Ctrl-C stops it. `payments-sandbox cards` lists the magic cards."
    return "\n".join([ready, *lines, ending])


def print_summary(arguments: argparse.Namespace, log: RequestLog, totals: ServerTotals) -> None:
    """Say what a server has done that was told to stop."""
    counts = totals.counts()
    events = counts.pop(EVENTS, 0)
    if arguments.log == JSON:
        said = {
            "kind": "summary",
            "requests": {str(outcome): count for outcome, count in log.answers.items()},
            "turned_away": log.turned_away,
            "payments": counts,
            "events": events,
            "webhooks": log.attempts,
            "worlds": totals.worlds,
            "worlds_gone": totals.worlds_gone,
        }
        try_to_print(json.dumps(said), sys.stdout)
        return
    gone = f", and {totals.worlds_gone} that are gone" if totals.worlds_gone else ""
    facts = (
        ("requests", in_words({**log.answers, "turned away": log.turned_away})),
        ("payments", in_words(counts)),
        ("events", str(events)),
        ("webhooks", in_words({OF_ATTEMPTS[each]: log.attempts[each] for each in log.attempts})),
        ("worlds", f"{totals.worlds}{gone}"),
    )
    with suppress(OSError):  # whoever has closed the terminal reads no summary
        sys.stdout.write("\n")  # a terminal shows Ctrl-C as it is typed
        print_facts(screen_of(arguments), facts)
        sys.stdout.flush()
