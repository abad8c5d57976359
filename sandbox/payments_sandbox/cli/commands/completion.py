"""Owns `payments-sandbox completion`: scripts for shells, generated from the command parser."""

import argparse
import sys
from collections.abc import Iterator
from typing import Final, NamedTuple

from payments_sandbox.cli.options import Commands, add_command, argument
from payments_sandbox.core.option_values import one_of

TEXT: Final = """\
Print a completion script for commands and options.

examples:
  source <(payments-sandbox completion bash)
  source <(payments-sandbox completion zsh)
  payments-sandbox completion fish | source"""


class Word(NamedTuple):
    """A command, or an option with its short name, that can be completed."""

    names: tuple[str, ...]
    about: str
    takes_value: bool = False

    @property
    def is_option(self) -> bool:
        """Whether it is an option and not a command."""
        return self.names[0].startswith("-")


def add_to(commands: Commands) -> None:
    """Add the command."""
    options = add_command(
        commands, "completion (bash | zsh | fish)", "print a shell completion script", TEXT, run
    )
    options.parser.add_argument(
        "shell", type=argument(one_of(*_SCRIPTS)), metavar="SHELL", help="bash, zsh or fish"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the script of a shell."""
    from payments_sandbox.cli.main import COMMANDS, make_parser

    places = dict(words_by_place(make_parser(COMMANDS)))
    sys.stdout.write(_SCRIPTS[arguments.shell](places))
    return 0


def words_by_place(
    parser: argparse.ArgumentParser, place: str = ""
) -> Iterator[tuple[str, list[Word]]]:
    """Yield what can be completed after each command, which is given as, say, `/scenario/list`."""
    words: list[Word] = []
    below: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:  # noqa: SLF001 - argparse has no public way to list them
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            below |= action.choices
            words += (Word((each.dest,), each.help or "") for each in action._choices_actions)  # noqa: SLF001 - as above
        elif action.option_strings and action.help != argparse.SUPPRESS:
            names = sorted(action.option_strings, key=len, reverse=True)
            words.append(Word(tuple(names), action.help or "", action.nargs != 0))
    yield place, words
    for name, parser_below in below.items():
        yield from words_by_place(parser_below, f"{place}/{name}")


_BASH: Final = """\
_payments_sandbox() {{
  local at="" word words=""
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$at/$word" in
      {places}) at="$at/$word" ;;
    esac
    [ "$word" = -- ] && return
  done
  case "$word" in
    {values}) return ;;
  esac
  case "$at" in
{words}
  esac
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _payments_sandbox payments-sandbox
"""

_ZSH: Final = """\
#compdef payments-sandbox
_payments_sandbox() {{
  local at="" word
  local -a known
  for word in "${{(@)words[2,CURRENT-1]}}"; do
    case "$at/$word" in
      {places}) at="$at/$word" ;;
    esac
    [[ "$word" == -- ]] && {{ _files; return }}
  done
  case "$word" in
    {values}) _files; return ;;
  esac
  case "$at" in
{words}
  esac
  _describe payments-sandbox known || _files
}}
compdef _payments_sandbox payments-sandbox
"""

_FISH: Final = """\
function __payments_sandbox_is_at
    set -l at ""
    for word in (commandline -opc)[2..]
        switch "$at/$word"
            case {places}
                set at "$at/$word"
        end
        test "$word" = --; and return 1
    end
    test "$at" = "$argv[1]"
end
{words}
"""


def _bash(places: dict[str, list[Word]]) -> str:
    lines = [
        f'    "{place}") words="{" ".join(name for word in words for name in word.names)}" ;;'
        for place, words in places.items()
    ]
    return _filled(_BASH, places, lines)


def _zsh(places: dict[str, list[Word]]) -> str:
    lines = [
        f'    "{place}") known=({" ".join(_described(words))}) ;;'
        for place, words in places.items()
    ]
    return _filled(_ZSH, places, lines)


def _filled(script: str, places: dict[str, list[Word]], lines: list[str]) -> str:
    values = {
        name
        for words in places.values()
        for word in words
        for name in word.names
        if word.takes_value
    }
    return script.format(
        places="|".join(filter(None, places)),
        values="|".join(sorted(values)),
        words="\n".join(lines),
    )


def _described(words: list[Word]) -> Iterator[str]:
    """Yield each word with its description in the format of zsh's `_describe`."""
    for word in words:
        for name in word.names:
            yield _quoted(f"{name}:{word.about}", "'\\''")


def _fish(places: dict[str, list[Word]]) -> str:
    lines = [_fish_line(place, word) for place, words in places.items() for word in words]
    return _FISH.format(places=" ".join(filter(None, places)), words="\n".join(lines))


def _fish_line(place: str, word: Word) -> str:
    names = " ".join(
        f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in word.names
    )
    what = names if word.is_option else f"-f -a {word.names[0]}"
    value = " -r" if word.takes_value else ""
    about = _quoted(word.about, "\\'")
    where = f"-n '__payments_sandbox_is_at \"{place}\"'"
    return f"complete -c payments-sandbox {where} {what}{value} -d {about}"


def _quoted(text: str, quote: str) -> str:
    return "'" + " ".join(text.split()).replace("'", quote) + "'"


_SCRIPTS: Final = {"bash": _bash, "zsh": _zsh, "fish": _fish}
