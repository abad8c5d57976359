"""Owns commands and their options, which can also be set in the environment."""

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from payments_sandbox.cli.environment import is_unknown, meant_variable, value_of, variable_of
from payments_sandbox.cli.output_files import STDOUT
from payments_sandbox.cli.terminal.standard_streams import try_to_print
from payments_sandbox.core.option_values import file_to_write
from payments_sandbox.core.wording import nearest

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"", "0", "false", "no", "off"})

_NOWHERE: Final = ""
"""The field of a value that the command line cannot replace."""

_UNUSABLE: Final = object()
"""The value of an option whose variable is invalid, unless the command line replaces it."""

_WIDTH_OF_HELP: Final = 78
"""Characters per line of `--help` in a pipe or a file."""

_SHOWN: Final = re.compile(r"[^@:=]{0,200}|https?://[^@]{0,200}")
"""Values that errors may quote; headers and urls with a password are excluded."""

_NEEDS_NO_VALUE: Final = re.compile(r"(argument \S+): ignored explicit argument .*")
"""The error of argparse for `--watch=1`."""

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - no public name
else:
    Commands = argparse._SubParsersAction  # noqa: SLF001 - as above


def add_command(  # noqa: PLR0913 - the parts of a command
    commands: Commands,
    words: str,
    does: str,
    text: str,
    run: Callable[[argparse.Namespace], int],
    *,
    epilog: str | None = None,
) -> "CommandOptions":
    """Add a command to the command line, or to a group.

    Args:
        commands: the command line or the group.
        words: how it is typed, its name first, such as `seed [options]`.
        does: one line for the list of commands.
        text: the first text of its `--help`.
        run: runs the command and returns the exit code.
        epilog: the last text of its `--help`.
    """
    parser = _add_parser(commands, words, does, text)
    parser.epilog = epilog
    parser.set_defaults(run=run)
    options = CommandOptions(parser)
    options.flag("--no-color", "print no colours (so does NO_COLOR=1)")
    return options


def add_group(commands: Commands, words: str, does: str, text: str) -> Commands:
    """Add a command that only has subcommands; the arguments are those of `add_command`.

    Returns:
        The group, to add the subcommands to.
    """
    parser = _add_parser(commands, words, does, text)
    return parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, prog=parser.prog
    )


class Parser(argparse.ArgumentParser):
    """Parses the arguments of a command; its help in a pipe does not depend on the terminal."""

    def error(self, message: str) -> NoReturn:
        """Exit with 2, replacing argparse's wording where ours is clearer."""
        super().error(_NEEDS_NO_VALUE.sub(r"\1: expected no value", message))


def help_formatter(prog: str) -> argparse.HelpFormatter:
    """Make the formatter of `--help`."""
    width = None if sys.stdout.isatty() else _WIDTH_OF_HELP
    return argparse.RawDescriptionHelpFormatter(prog, width=width)


def refuse_unknown_command(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """Exit with 2 if a word is not a command of its group."""
    groups = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]  # noqa: SLF001 - argparse has no public name for it
    if not groups or not words or words[0] in ("-h", "--help", "--version"):
        return
    word, known = words[0], list(groups[0].choices)
    if word in known:
        refuse_unknown_command(groups[0].choices[word], words[1:])
    elif word.startswith("-"):
        close = nearest(word, ["--help", "--version"])
        hint = f"did you mean {close}?" if close else "options follow the command"
        parser.error(f"argument {word.partition('=')[0]}: there is no such option; {hint}")
    else:
        close = nearest(word, known)
        hint = f"; did you mean '{close}'?" if close else "."
        parser.error(f"there is no command '{word}'{hint} The commands are {', '.join(known)}.")


def _add_parser(commands: Commands, words: str, does: str, text: str) -> argparse.ArgumentParser:
    return commands.add_parser(
        words.partition(" ")[0],
        help=does,
        usage=f"{commands._prog_prefix} {words}",  # noqa: SLF001 - argparse has no public name for it
        description=text,
        formatter_class=help_formatter,
        allow_abbrev=False,
    )


def variables_of(commands: Commands) -> Iterator[str]:
    """The names of all options of commands and their subcommands in the environment."""
    for parser in commands.choices.values():
        options: CommandOptions | None = parser.get_default("options")
        yield from () if options is None else options.variables
        for action in parser._actions:  # noqa: SLF001 - as above
            if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
                yield from variables_of(action)


class CommandOptions:
    """Adds options to a parser; the command line takes precedence over the environment.

    A list in the environment is separated by commas, and the command line adds to it.

    The methods share their arguments. `option` is the name, such as `--rate-limit`. `help_text` is
    its line of `--help`, in which `metavar` stands for the value. `short` is another name, such as
    `-n`. `field` is the attribute for the value, if it is not named after the option. `read` turns
    a text into the value, or raises ValueError with what would have worked.

    Attributes:
        parser: for arguments that are not options.
        names: of the options that were added.
        variables: their names in the environment.
    """

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.parser = parser
        self._problems: list[tuple[str, str]] = []
        self.names = ["--help"]
        self.variables: set[str] = set()
        parser.set_defaults(options=self)

    def check(self, parsed: argparse.Namespace, all_variables: Callable[[], set[str]]) -> None:
        """Check the environment: invalid values and misspelt names exit with 2.

        The value of a variable may be invalid if the command line replaces it. A name counts as
        misspelt if it is similar to an option's. Any other unknown name is a warning on stderr.

        Args:
            parsed: the options from the command line and the environment.
            all_variables: returns the names for the options of every command; called if a variable
                is not one of this command's.
        """
        unknown = [name for name in sorted(os.environ) if is_unknown(name, self.variables)]
        known = all_variables() if unknown else self.variables
        problems = [
            text
            for field, text in self._problems
            if getattr(parsed, field, _UNUSABLE) is _UNUSABLE  # else the command line replaced it
        ]
        strangers = []
        for name in unknown:
            if name in known:
                continue
            if meant := meant_variable(name, known):
                problems.append(f"{name}: there is no such option; did you mean {meant}?")
            else:
                strangers.append(name)
        if problems:
            self.parser.error(problems[0])
        for name in strangers:
            try_to_print(
                f"{self.parser.prog}: warning: {name} is not an option, and is ignored.", sys.stderr
            )

    def refuse(self, option: str, problem: str) -> NoReturn:
        """Exit with 2, since an option is invalid or cannot be combined with others."""
        self.parser.error(f"argument {option}: {problem}")

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
        """Add an option with one value, by default `default`."""
        given = self._given(option)
        field = field or _field(option)
        self.parser.add_argument(
            *([] if short is None else [short]),
            option,
            dest=field,
            type=argument(read),
            default=default if given is None else self._read(option, read, given, field),
            metavar=metavar,
            help=help_text,
        )

    def file(self, option: str, help_text: str) -> None:
        """Add an option for a file to write, or `-` for stdout."""
        self.value(option, help_text, metavar="FILE", read=_file_or_stdout)

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
        """Add an option that can be repeated; in the environment `separator` is between the values.

        An error quotes its value, since there may be several, but only if commas separate them:
        other values, such as headers, may contain a secret.
        """
        read = naming(read) if separator == "," else read
        given = self._given(option) or ""
        parts = [part.strip() for part in given.split(separator) if part.strip()]
        self.parser.add_argument(
            option,
            dest=field or _field(option),
            action="append",
            type=argument(read),
            default=[self._read(option, read, part, _NOWHERE) for part in parts],
            metavar=metavar,
            help=help_text,
        )

    def flag(
        self, option: str, help_text: str, *, short: str | None = None, field: str | None = None
    ) -> None:
        """Add an option without a value."""
        given = (self._given(option) or "").lower()
        field = field or _field(option)
        default: object = given in _TRUE
        if given not in _TRUE | _FALSE:
            problem = f"{variable_of(option)}: expected 1 or 0, true or false"
            self._problems.append((field, problem))
            default = _UNUSABLE
        self.parser.add_argument(
            *([] if short is None else [short]),
            option,
            dest=field,
            action="store_true",
            default=default,
            help=help_text,
        )

    def flag_or_value(
        self,
        option: str,
        help_text: str,
        *,
        metavar: str,
        bare: object,
        read: Callable[[str], object],
    ) -> None:
        """Add an option whose value may be left out, and then is `bare`.

        In the environment 1 or true stands for the bare option, and 0 or false for no option.
        """
        given = (self._given(option) or "").lower()
        default = bare if given in _TRUE else None
        if given not in _TRUE | _FALSE:
            default = self._read(option, read, given, _field(option))
        self.parser.add_argument(
            option,
            dest=_field(option),
            nargs="?",
            const=bare,
            default=default,
            type=argument(read),
            metavar=metavar,
            help=help_text,
        )

    def environment_default(
        self, option: str, default: object, read: Callable[[str], object]
    ) -> object:
        """The value that an option of `serve` has in the environment, or `default`."""
        given = self._in_environment(option)
        value = default if given is None else self._read(option, read, given, _NOWHERE)
        return default if value is _UNUSABLE else value

    def _given(self, option: str) -> str | None:
        self.names.append(option)
        return self._in_environment(option)

    def _in_environment(self, option: str) -> str | None:
        self.variables.add(variable_of(option))
        return value_of(option)

    def _read(self, option: str, read: Callable[[str], object], given: str, field: str) -> object:
        try:
            return read(given)
        except ValueError as error:
            self._problems.append((field, f"{variable_of(option)}: {error}"))
            return _UNUSABLE


def argument(read: Callable[[str], object]) -> Callable[[str], object]:
    """Turn a reader into an argparse type that keeps the text of its ValueError."""

    def parse(text: str) -> object:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse


def naming(read: Callable[[str], object]) -> Callable[[str], object]:
    """Make a reader's errors begin with the value, unless that may contain a secret."""

    def parse(text: str) -> object:
        try:
            return read(text)
        except ValueError as error:
            if not text.isprintable() or not _SHOWN.fullmatch(text):
                raise
            raise ValueError(f"'{text}': {error}") from None

    return parse


def _file_or_stdout(text: str) -> Path:
    return STDOUT if text == "-" else file_to_write(text)


def _field(option: str) -> str:
    return option.removeprefix("--").replace("-", "_")


def webhook_url(text: str) -> str:
    """Read the url of a webhook endpoint; `--public-webhooks` is checked later."""
    from payments_sandbox.webhooks.target_policy import why_blocked  # rarely needed

    if problem := why_blocked(text, public=True):
        raise ValueError(problem)
    return text


def refuse(arguments: argparse.Namespace, option: str, problem: str) -> NoReturn:
    """Exit with 2, since an option is invalid or cannot be combined with others."""
    options: CommandOptions = arguments.options
    options.refuse(option, problem)
