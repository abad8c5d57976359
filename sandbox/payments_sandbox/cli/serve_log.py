"""Owns what `serve` and `run` print about requests and webhooks, and the summary at the end."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, NamedTuple, TextIO, cast

from payments_sandbox.cli.follow import OF_ATTEMPTS
from payments_sandbox.cli.terminal.columns import fact_line, print_facts, summarise_counts
from payments_sandbox.cli.terminal.screen import screen_of, width_of
from payments_sandbox.cli.terminal.standard_streams import try_to_print
from payments_sandbox.core.colours import STRONG
from payments_sandbox.server.log.request_log import RequestLog
from payments_sandbox.server.metrics import Metrics
from payments_sandbox.server.server_totals import EVENTS, ServerTotals

JSON: Final = "json"


def make_log(arguments: argparse.Namespace, stream: TextIO) -> RequestLog:
    """Make the log that `--log` and `--no-color` ask for."""

    def say(line: str) -> None:
        try_to_print(line, stream)

    if arguments.log == JSON:
        from payments_sandbox.server.factory import wall_clock
        from payments_sandbox.server.log.json_log import JsonLog

        return JsonLog(say, wall_clock)
    width = partial(width_of, stream)  # looked up for each line: terminals are resized
    return RequestLog(say, width, is_coloured=screen_of(arguments, stream).has_colours)


def announced(arguments: argparse.Namespace, facts: Mapping[str, object]) -> str:
    """Format the facts about a server for a terminal."""
    screen = screen_of(arguments)
    token, page = facts.get("control_token"), f"{facts['sandbox_url']}/"
    faults = cast("Mapping[str, str]", facts.get("tls_faults", {}))
    shown = (
        ("base URL", facts["base_url"], ""),
        ("API key", facts["api_key"], "  (any sk_test_… key gets its own world)"),
        ("webhook secret", facts["webhook_secret"], ""),
        ("control API", facts["sandbox_url"], ""),
        ("control token", token, "  (send it as Sandbox-Token)"),
        ("CA certificate", facts.get("ca_file"), ""),
        ("unix socket", facts.get("unix_socket"), ""),
        *((name, url, "") for name, url in faults.items()),
        ("dashboard", screen.link(page, page), ""),
    )
    lines = [
        fact_line(screen, name, str(fact), besides)
        for name, fact, besides in shown
        if fact is not None
    ]
    ready = screen.paint(f"payments-sandbox {facts['version']} is ready.", STRONG)
    ending = "  Ctrl-C stops it. `payments-sandbox cards` lists the magic cards."
    return "\n".join([ready, *lines, ending])


class Summary(NamedTuple):
    """What a server, or one of its processes, has done.

    Attributes:
        requests: how many were answered, by status or fault.
        turned_away: how many were answered without a world.
        payments: how many there were, by status.
        events: how many there were.
        webhooks: how many attempts there were, by the status that each left its delivery in.
        worlds: how many there are.
        worlds_gone: how many more there have been.
    """

    requests: Mapping[str, int]
    turned_away: int
    payments: Mapping[str, int]
    events: int
    webhooks: Mapping[str, int]
    worlds: int
    worlds_gone: int


def summary_of(metrics: Metrics, totals: ServerTotals) -> Summary:
    """Sum up what a server has done."""
    counts = totals.counts()
    events = counts.pop(EVENTS, 0)
    return Summary(
        metrics.answers(),
        metrics.turned_away,
        counts,
        events,
        metrics.attempts_by_delivery(),
        totals.worlds,
        totals.worlds_gone,
    )


def joined(summaries: Iterable[Summary]) -> Summary:
    """Add up the summaries of several processes."""
    columns = zip(*summaries, strict=True)
    return Summary(*(_sum(column) for column in columns))


def _sum(values: Sequence[Any]) -> Any:  # noqa: ANN401 - numbers, or mappings to them
    if isinstance(values[0], int):
        return sum(values)
    return sum(map(Counter, values), Counter())


def print_summary(arguments: argparse.Namespace, summary: Summary) -> None:
    """Print what a server has done: with `--log json` as JSON, otherwise only on a terminal."""
    if arguments.log == JSON:
        try_to_print(json.dumps({"kind": "summary"} | summary._asdict()), sys.stdout)
        return
    if not sys.stdout.isatty():
        return
    gone = f", and {summary.worlds_gone} dropped" if summary.worlds_gone else ""
    attempts = {OF_ATTEMPTS[each]: count for each, count in summary.webhooks.items()}
    facts = (
        ("requests", summarise_counts({**summary.requests, "turned away": summary.turned_away})),
        ("payments", summarise_counts(summary.payments)),
        ("events", str(summary.events)),
        ("webhooks", summarise_counts(attempts)),
        ("worlds", f"{summary.worlds}{gone}"),
    )
    with suppress(OSError):  # the terminal may be closed already
        sys.stdout.write("\n")  # ends the line in which the terminal echoes ^C
        print_facts(screen_of(arguments), facts)
        sys.stdout.flush()
