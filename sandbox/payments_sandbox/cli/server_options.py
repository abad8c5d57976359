"""Owns the command-line options for a server's settings, which `serve` and `run` share."""

import argparse
import ipaddress
import os
import secrets
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final, cast

from payments_sandbox.cli.options import CommandOptions, refuse, webhook_url
from payments_sandbox.core.instants import show_duration
from payments_sandbox.core.option_values import one_of, state, whole_number
from payments_sandbox.core.settings import Option, Settings, options, settings_from
from payments_sandbox.core.tls_options import TlsChoice

_EPILOG: Final = """\
Every option can also be set in the environment: --rate-limit is
PAYMENTS_SANDBOX_RATE_LIMIT. Separate the items of a list by commas there."""
"""The last text in the help of a command with these options."""

_READERS: Final = {"webhooks": webhook_url}
"""Readers that `core` lacks, since it does not know webhooks."""

WORKERS: Final = "--workers"

_PORT: Final = Settings().port
_MOST_WORKERS: Final = 64


def add_server_options(command: CommandOptions, *, port: int = _PORT) -> None:
    """Add all of them; the default port differs between commands."""
    add_settings(command, port=port)
    _add_files(command)
    command.value(
        WORKERS,
        "the number of processes, each with the worlds of its own keys (default: 1)",
        default=1,
        read=whole_number(1, _MOST_WORKERS),
        metavar="N",
    )


def add_settings(
    command: CommandOptions, *, port: int, without: frozenset[str] = frozenset()
) -> None:
    """Add the server's options that are settings, except those of the names in `without`."""
    command.parser.epilog = _EPILOG
    for setting, option in options():
        if setting.name in without:
            continue
        default = port if setting.name == "port" else setting.default
        shown = str(port) if setting.name == "port" else option.shown
        text = f"{option.help} (default: {shown})" if shown else option.help
        if option.read is None:
            command.flag(option.name, text, field=setting.name)
        elif option.is_list:
            read = _READERS.get(setting.name, option.read)
            command.many(option.name, text, read=read, metavar=option.metavar, field=setting.name)
        else:
            command.value(
                option.name,
                text,
                default=default,
                read=option.read,
                metavar=option.metavar,
                field=setting.name,
            )


def settings_words(arguments: argparse.Namespace) -> Iterator[str]:
    """The server options that were given, as words of a command line.

    They always have the seed and never the port: a repeated run takes a free one.
    """
    for setting, option in options():
        value = getattr(arguments, setting.name)
        is_as_ever = value == setting.default or (option.is_list and not value)
        if setting.name == "port" or (is_as_ever and setting.name != "seed"):
            continue
        if option.read is None:
            yield option.name
            continue
        for each in value if option.is_list else [value]:
            yield option.name
            yield _typed(each, option)


def _typed(value: object, option: Option) -> str:
    """Format a value as it is typed."""
    if option.metavar == "DURATION":
        return show_duration(cast("int", value))
    return "public" if value is True else str(value)


def _add_files(parser: CommandOptions) -> None:
    """Add the options for files and the log of the process."""
    parser.flag("--watch", "reload scenario files when they are edited")
    parser.file(
        "--ready-file",
        "write the address and key to this file, as JSON, once connections are accepted",
    )
    parser.value(
        "--state",
        "keep all worlds in this file: read at the start, saved at the end and every 30 s",
        read=state,
        metavar="FILE",
    )
    parser.flag_or_value(
        "--log",
        "print a line per request and webhook (on a terminal, serve always does, as text)",
        metavar="text|json",
        bare="text",
        read=one_of("text", "json"),
    )


def has_workers(arguments: argparse.Namespace) -> bool:
    """Whether workers serve: several, or a single one with the folder of several."""
    return arguments.workers > 1 or (arguments.state is not None and arguments.state.is_dir())


def check_workers(arguments: argparse.Namespace) -> None:
    """Reject options that cannot be combined with workers."""
    if not has_workers(arguments):
        return
    option, expected = (WORKERS, "1") if arguments.workers > 1 else ("--state", "a file")
    if not hasattr(os, "fork"):  # Windows
        problem = "this system cannot pass connections to other processes"
        refuse(arguments, option, f"expected {expected}: {problem}")
    if arguments.tls is not None:
        problem = "encrypted connections cannot be passed to another worker"
        refuse(arguments, option, f"expected {expected} with --tls: {problem}")


def read_settings(arguments: argparse.Namespace) -> Settings:
    """Return the given settings, with a control token in any case if the host is not loopback."""
    names = [setting.name for setting, _ in options()]
    settings = settings_from({name: getattr(arguments, name) for name in names})
    settings = replace(settings, webhooks=tuple(dict.fromkeys(settings.webhooks)))
    _check_webhooks(arguments, settings)
    _check_watch(arguments, settings)
    _check_listening(arguments, settings)
    if settings.control_token is None and not is_loopback(settings.host):
        return replace(settings, control_token=secrets.token_urlsafe(24))
    return settings


def _check_webhooks(arguments: argparse.Namespace, settings: Settings) -> None:
    if settings.webhooks:
        from payments_sandbox.webhooks.target_policy import why_blocked  # rarely needed

        for url in settings.webhooks:
            if problem := why_blocked(url, public=settings.public_webhooks):
                refuse(arguments, "--webhook", problem)


def _check_watch(arguments: argparse.Namespace, settings: Settings) -> None:
    if not arguments.watch:
        return
    files = [each for each in settings.scenarios if isinstance(each, Path)]
    if not (watched := [*settings.scenario_dirs, *files]):
        refuse(arguments, "--watch", "requires --scenario FILE or --scenario-dir DIR")
    for each in watched:
        try:
            str(each).encode()
        except UnicodeEncodeError:
            refuse(arguments, "--watch", f"cannot watch {each}: its name is not UTF-8")
    check_installed(arguments, "--watch", "watchfiles", extra="watch")


def _check_listening(arguments: argparse.Namespace, settings: Settings) -> None:
    """Reject what this system or this installation cannot listen with."""
    is_posix = os.name == "posix"
    for option, value in (("--tls", settings.tls), ("--unix", settings.unix)):
        if value is not None and not is_posix:
            refuse(arguments, option, "requires a POSIX system")
    if settings.tls == TlsChoice():
        check_installed(arguments, "--tls", "trustme", extra="tls", what="auto")
    if settings.tls_faults and settings.tls != TlsChoice():
        refuse(
            arguments,
            "--tls-fault",
            "requires --tls auto, whose authority issues the certificate",
        )


def check_installed(
    arguments: argparse.Namespace, option: str, package: str, *, extra: str, what: str = ""
) -> None:
    """Reject an option, or its value, if the package that it needs is not installed."""
    if find_spec(package) is None:
        hint = f"pip install 'payments-sandbox[{extra}]'"
        refuse(arguments, option, f"{what} requires the package {package}: {hint}".lstrip())


def is_loopback(host: str) -> bool:
    """Whether a host can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
