"""Owns the command line as a whole: the list of commands, and the first text of their help."""

import argparse
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from payments_sandbox import __version__
from payments_sandbox.cli.failure import FAILED, INTERRUPTED, CommandFailedError
from payments_sandbox.cli.options import (
    CommandOptions,
    Commands,
    Parser,
    help_formatter,
    refuse_unknown_command,
    variables_of,
)
from payments_sandbox.cli.terminal.standard_streams import (
    drop_unwritten,
    prepare_streams,
    remark,
    try_to_print,
)
from payments_sandbox.core.wording import nearest

COMMANDS: Final = (
    "serve",
    "run",
    "explore",
    "prove",
    "healthcheck",
    "advance",
    "trigger",
    "logs",
    "listen",
    "report",
    "seed",
    "reset",
    "worlds",
    "clock",
    "payments",
    "scenario",
    "webhook",
    "cards",
    "explain",
    "docs",
    "openapi",
    "schema",
    "completion",
)
"""Each is a module of `cli/commands`; only the one that is called is imported, to save time."""

_RUNNING: Final = frozenset({"run", "explore", "prove"})
"""Our commands that run a command of the user, given after `--`."""

_TLS: Final = re.compile(r"--?(tls|ssl|https|cert|key-?file|private-key)")
"""How other programs name their options for TLS."""

EXAMPLES: Final = """\
examples:
  payments-sandbox serve                     the API on http://127.0.0.1:8080/v3
  payments-sandbox serve --port 0 --ready-file ready.json
  payments-sandbox run -- npm test           a server for as long as the tests run
  payments-sandbox explore -- python pay.py  find failures that a client does not survive
  payments-sandbox prove FILE -- npm test    prove that a repair works
  payments-sandbox healthcheck               exit 0 if a server is ready
  payments-sandbox advance 3d                move the clock, and wait for what is due
  payments-sandbox seed --payments 500       past payments, for lists and dashboards
  payments-sandbox reset                     return the world to its initial state
  payments-sandbox worlds list               list the worlds of a server
  payments-sandbox payments --status failed  list the payments that failed
  payments-sandbox listen                    print webhooks as they are sent
  payments-sandbox logs --follow             print requests as they arrive
  payments-sandbox scenario list             list the ready-made scenarios
  payments-sandbox cards                     list the magic cards
  payments-sandbox explain card_declined     its meaning, and how a test causes it
  payments-sandbox docs                      read the documentation offline
  payments-sandbox openapi > openapi.json    the OpenAPI document of the API"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code: 0 if it succeeded, 1 if it failed, 2 for wrong usage."""
    prepare_streams()
    try:
        try:
            return _run(sys.argv[1:] if arguments is None else list(arguments))
        finally:
            sys.stdout.flush()
    except CommandFailedError as error:
        remark(str(error))
        return error.code
    except KeyboardInterrupt:  # of a command that has nothing to clean up
        if sys.stderr.isatty():
            try_to_print("\npayments-sandbox: interrupted.", sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has closed it
        return 0
    except OSError as error:
        if error.filename is not None:
            raise
        remark(f"cannot write the output: {error.strerror}")
        return FAILED
    finally:
        for stream in (sys.stdout, sys.stderr):
            drop_unwritten(stream)


def make_parser(names: Sequence[str]) -> argparse.ArgumentParser:
    """Make the parser of the command line with the commands of these names."""
    parser: argparse.ArgumentParser = Parser(
        prog="payments-sandbox",
        usage="payments-sandbox [--version] COMMAND …",
        description=f"A local sandbox for the Payments API v3.2.\n\n{EXAMPLES}",
        formatter_class=help_formatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"payments-sandbox {__version__}")
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, prog=parser.prog
    )
    _add(commands, names)
    return parser


def _run(words: Sequence[str]) -> int:
    parser = make_parser(words[:1] if words and words[0] in COMMANDS else COMMANDS)
    refuse_unknown_command(parser, words)
    ours, behind = _split_at_dashes(words)
    parsed, left = parser.parse_known_args(ours, argparse.Namespace(command=behind))
    if left:
        _refuse(left[0], parsed.options)
    parsed.options.check(parsed, _variables)
    code: int = parsed.run(parsed)
    return code


def _add(commands: Commands, names: Sequence[str]) -> None:
    for name in names:
        import_module(f"payments_sandbox.cli.commands.{name}").add_to(commands)


def _refuse(word: str, options: CommandOptions) -> None:
    """Exit with 2, since the command has no such option or takes no further word."""
    name = word.partition("=")[0]
    if not name.startswith("-"):
        options.refuse(name, "unexpected argument; --help lists the options.")
    options.refuse(name, f"there is no such option; {_hint(name, options.names)}")


def _hint(name: str, known: Sequence[str]) -> str:
    """Suggest an option in place of an unknown one."""
    if _TLS.match(name):
        return (
            "did you mean --tls?" if "--tls" in known else "serve --tls lets a server accept TLS."
        )
    if not name.startswith("--"):  # one letter
        meant = [each for each in known if each.startswith(f"--{name[1:2]}")]
    else:
        close = nearest(name[2:], [each[2:] for each in known])
        meant = [] if close is None else [f"--{close}"]
    return f"did you mean {' or '.join(meant)}?" if meant else "--help lists the options."


def _split_at_dashes(words: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Split the arguments at `--`: our own, and the words of the command to run."""
    if not words or words[0] not in _RUNNING or "--" not in words:
        return words, ()
    at = words.index("--")
    return words[:at], words[at + 1 :]


def _variables() -> set[str]:
    """The environment's names for all options: a variable of another command is not a mistake."""
    commands = argparse.ArgumentParser().add_subparsers()
    _add(commands, COMMANDS)
    return set(variables_of(commands))
