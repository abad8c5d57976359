"""Owns commands and their options, which can come from the environment: `PAYMENTS_SANDBOX_…`."""

import argparse
import os
import re
from collections.abc import Callable
from typing import Final, NoReturn

from payments_sandbox.core.suggestions import nearest

PREFIX: Final = "PAYMENTS_SANDBOX_"
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"", "0", "false", "no", "off"})

_OF_A_SERVICE: Final = re.compile(
    PREFIX + r"(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_[0-9]+_[A-Z]+(_PROTO|_PORT|_ADDR)?)"
)
"""What Kubernetes puts into every container beside a service that has our name."""

Commands = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name for it


def add_command(  # noqa: PLR0913 - the parts of a command, each by its name
    commands: "Commands[argparse.ArgumentParser]",
    name: str,
    *,
    usage: str,
    does: str,
    text: str,
    epilog: str | None = None,
) -> tuple[argparse.ArgumentParser, "Options"]:
    """Add a command, or a command of a command.

    Args:
        commands: where to.
        name: the command.
        usage: what follows the program's name.
        does: one line, for the list of commands.
        text: what `--help` says first.
        epilog: what it says last.
    """
    parser = commands.add_parser(
        name,
        help=does,
        usage=f"payments-sandbox {usage}",
        description=text,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    return parser, Options(parser)


class Options:
    """Adds options to a parser; the command line wins over the environment.

    A list in the environment is separated by commas, and the command line adds to it.
    """

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._parser = parser
        self._problems: list[str] = []
        self.names = ["--help"]
        self.variables: set[str] = set()
        parser.set_defaults(options=self)

    def check(self, all_variables: Callable[[], set[str]]) -> None:
        """Exit with 2 when the environment has what no option takes; other commands do not mind.

        Args:
            all_variables: those of every command's options, for when ours are not all there are.
        """
        unknown = [name for name in sorted(os.environ) if _is_unknown(name, self.variables)]
        if unknown:
            known = all_variables()
            unknown = [name for name in unknown if name not in known]
        if problems := [*self._problems, *map(self._no_option, unknown)]:
            self._parser.error(problems[0])

    def refuse(self, option: str, problem: str) -> NoReturn:
        """Exit with 2: an option does not go with the others."""
        self._parser.error(f"argument {option}: {problem}")

    def value(  # noqa: PLR0913 - the parts of an option, each by its name
        self,
        option: str,
        help_text: str,
        *,
        metavar: str,
        default: object = None,
        read: Callable[[str], object] = str,
        short: str | None = None,
        field: str | None = None,
    ) -> None:
        """Add an option with one value.

        Args:
            option: its name, such as `--rate-limit`.
            help_text: its line of `--help`.
            metavar: what stands for the value there.
            default: the value where none is given.
            read: turns a text into the value, or raises ValueError with what would have worked.
            short: another name, such as `-n`.
            field: what the value is called in what was chosen, if not as the option.
        """
        given = self._given(option)
        self._parser.add_argument(
            *([] if short is None else [short]),
            option,
            dest=field or _field(option),
            type=_argument(read),
            default=default if given is None else self._read(option, read, given),
            metavar=metavar,
            help=help_text,
        )

    def many(  # noqa: PLR0913 - as for one value
        self,
        option: str,
        help_text: str,
        *,
        metavar: str,
        read: Callable[[str], object] = str,
        separator: str = ",",
        field: str | None = None,
    ) -> None:
        """Add an option that can be given several times; the rest is as for one value.

        In the environment its values are separated by `separator`.
        """
        given = self._given(option) or ""
        parts = [part.strip() for part in given.split(separator) if part.strip()]
        self._parser.add_argument(
            option,
            dest=field or _field(option),
            action="append",
            type=_argument(read),
            default=[self._read(option, read, part) for part in parts],
            metavar=metavar,
            help=help_text,
        )

    def flag(self, option: str, help_text: str, *, field: str | None = None) -> None:
        """Add an option without a value."""
        given = (self._given(option) or "").lower()
        if given not in _TRUE | _FALSE:
            self._problems.append(f"{_variable(option)}: expected 1 or 0, true or false")
        self._parser.add_argument(
            option,
            dest=field or _field(option),
            action="store_true",
            default=given in _TRUE,
            help=help_text,
        )

    def _given(self, option: str) -> str | None:
        """What the environment says; `tcp://…` is Kubernetes, about a service that has our name."""
        self.names.append(option)
        self.variables.add(name := _variable(option))
        given = os.environ.get(name)
        return None if given is not None and given.startswith("tcp://") else given

    def _no_option(self, name: str) -> str:
        words = [known.removeprefix(PREFIX) for known in self.variables]
        close = nearest(name.removeprefix(PREFIX), sorted(words))
        hint = f"did you mean {PREFIX}{close}?" if close else "--help lists the options."
        return f"{name}: there is no such option; {hint}"

    def _read(self, option: str, read: Callable[[str], object], given: str) -> object:
        try:
            return read(given)
        except ValueError as error:
            self._problems.append(f"{_variable(option)}: {error}")
            return None


def _argument(read: Callable[[str], object]) -> Callable[[str], object]:
    """Let argparse say what a reader's ValueError says, and not that a value is invalid."""

    def parse(text: str) -> object:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse


def _field(option: str) -> str:
    return option.removeprefix("--").replace("-", "_")


def webhook_url(text: str) -> str:
    """Read where webhooks go; whether the internet is open is another option's to say."""
    from payments_sandbox.webhooks.target_policy import why_blocked  # few name one

    if problem := why_blocked(text, public=True):
        raise ValueError(problem)
    return text


def refuse(chosen: argparse.Namespace, option: str, problem: str) -> NoReturn:
    """Exit with 2: what was chosen does not go together, or leads nowhere."""
    options: Options = chosen.options
    options.refuse(option, problem)


def _is_unknown(name: str, known: set[str]) -> bool:
    is_known = name in known or _OF_A_SERVICE.fullmatch(name) is not None
    return name.startswith(PREFIX) and not is_known


def _variable(option: str) -> str:
    return PREFIX + option.removeprefix("--").replace("-", "_").upper()
