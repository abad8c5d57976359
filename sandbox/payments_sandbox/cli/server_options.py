"""Owns the options that make up a server's settings: `serve` has them, others can."""

import argparse
import ipaddress
import secrets
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from payments_sandbox.cli.argument_types import (
    LAST_PORT,
    clock,
    duration,
    file_to_write,
    folder,
    header_value,
    host_name,
    lifetime,
    listening_host,
    one_of,
    origin,
    scenario,
    webhook_url,
    whole_number,
)
from payments_sandbox.cli.options import Options
from payments_sandbox.core.settings import Settings

EPILOG: Final = """\
Every option can come from the environment: --rate-limit is PAYMENTS_SANDBOX_RATE_LIMIT.
A list is separated by commas there."""
"""What the help of a command that has them says last."""

_DEFAULTS: Final = Settings()


def add_server_options(options: Options, *, port: int = _DEFAULTS.port) -> None:
    """Add them all; `port` is the default one."""
    _add_listening(options, port)
    _add_worlds(options)
    _add_scenarios(options)
    _add_webhooks(options)
    _add_access(options)


def _add_listening(options: Options, port: int) -> None:
    options.value(
        "--host",
        "address to listen on (default: 127.0.0.1)",
        default=_DEFAULTS.host,
        read=listening_host,
        metavar="ADDRESS",
    )
    options.value(
        "--port",
        f"port to listen on; 0 picks a free one (default: {port})",
        default=port,
        read=whole_number(0, LAST_PORT),
        metavar="N",
    )
    options.value(
        "--ready-file",
        "write the address and key here, as JSON, once connections are accepted",
        read=file_to_write,
        metavar="FILE",
    )
    options.value(
        "--state",
        "keep every world here: read at the start, saved at the end and every 30 s",
        read=file_to_write,
        metavar="FILE",
    )
    options.flag("--log", "print a line per request (on a terminal serve always does)")


def _add_worlds(options: Options) -> None:
    options.value(
        "--seed",
        "derive every world's seed from this and its key (default: drawn)",
        read=whole_number(0, 2**53 - 1),
        metavar="N",
    )
    options.value(
        "--clock",
        "live, or the ISO 8601 instant where the worlds' clocks stand still (default: live)",
        default=_DEFAULTS.clock,
        read=clock,
        metavar="live|ISO",
    )
    options.value(
        "--rate-limit",
        "requests per clock hour and key (default: 1000)",
        default=_DEFAULTS.rate_limit,
        read=whole_number(1, 1_000_000_000),
        metavar="N",
    )
    options.value(
        "--max-wall-delay",
        "how long a client can be kept waiting (default: 5s)",
        default=_DEFAULTS.max_wall_delay,
        read=duration,
        metavar="DURATION",
    )
    options.value(
        "--world-ttl",
        "drop worlds that are unused for so long (default: 1d)",
        default=_DEFAULTS.world_ttl,
        read=lifetime,
        metavar="DURATION",
    )
    options.value(
        "--max-worlds",
        "keep at most so many worlds (default: 10000)",
        default=_DEFAULTS.max_worlds,
        read=whole_number(2, 1_000_000),
        metavar="N",
    )


def _add_scenarios(options: Options) -> None:
    options.many(
        "--scenario",
        "what every world starts with: a name of the library, or a file (repeatable)",
        read=scenario,
        metavar="NAME|FILE",
    )
    options.many(
        "--scenario-dir",
        "a folder of scenarios, whose names come before those that are shipped (repeatable)",
        read=folder,
        metavar="DIR",
    )
    options.flag("--watch", "take over scenarios' files whenever they are edited")


def _add_webhooks(options: Options) -> None:
    options.many(
        "--webhook",
        "where every world sends its events, signed with the printed secret (repeatable)",
        read=webhook_url,
        metavar="URL",
    )
    options.value(
        "--webhook-targets",
        "private: loopback and private networks; public: the internet too (default: private)",
        default="private",
        read=one_of("private", "public"),
        metavar="private|public",
    )


def _add_access(options: Options) -> None:
    options.flag("--strict-keys", "refuse keys that were not made by POST /_sandbox/worlds")
    options.flag("--lenient", "ignore undocumented body fields and query parameters")
    options.value(
        "--control-token",
        "what the header Sandbox-Token must say on /_sandbox (beyond loopback one is made)",
        read=header_value,
        metavar="TOKEN",
    )
    options.many(
        "--allow-host",
        "a further name that the Host header may carry (repeatable)",
        read=host_name,
        metavar="NAME",
    )
    options.many(
        "--cors",
        "an origin whose pages may call /v3, such as http://localhost:5173 (repeatable)",
        read=origin,
        metavar="ORIGIN",
    )


def settings_of(chosen: argparse.Namespace) -> Settings:
    """The settings that were chosen; beyond loopback there is always a control token."""
    token = chosen.control_token
    if token is None and not _is_loopback(chosen.host):
        token = secrets.token_urlsafe(24)
    _check_webhooks(chosen)
    _check_watch(chosen)
    return Settings(
        host=chosen.host,
        port=chosen.port,
        seed=chosen.seed,
        clock=chosen.clock,
        strict_keys=chosen.strict_keys,
        lenient=chosen.lenient,
        rate_limit=chosen.rate_limit,
        max_wall_delay=chosen.max_wall_delay,
        world_ttl=chosen.world_ttl,
        max_worlds=chosen.max_worlds,
        control_token=token,
        allow_hosts=frozenset(chosen.allow_host),
        cors=frozenset(chosen.cors),
        webhooks=tuple(dict.fromkeys(chosen.webhook)),
        public_webhooks=chosen.webhook_targets == "public",
        scenarios=tuple(chosen.scenario),
        scenario_dirs=tuple(chosen.scenario_dir),
    )


def _check_webhooks(chosen: argparse.Namespace) -> None:
    if chosen.webhook:
        from payments_sandbox.webhooks.target_policy import why_blocked  # few name one

        for url in chosen.webhook:
            if problem := why_blocked(url, public=chosen.webhook_targets == "public"):
                chosen.options.refuse("--webhook", problem)


def _check_watch(chosen: argparse.Namespace) -> None:
    if not chosen.watch:
        return
    if not (chosen.scenario_dir or any(isinstance(each, Path) for each in chosen.scenario)):
        chosen.options.refuse("--watch", "expected --scenario FILE or --scenario-dir DIR beside it")
    if find_spec("watchfiles") is None:
        hint = "pip install 'payments-sandbox[watch]'"
        chosen.options.refuse("--watch", f"it needs the package watchfiles: {hint}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
