"""Owns options that can also come from the environment, as `PAYMENTS_SANDBOX_<OPTION>`."""

import argparse
import os
import re
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Final, NoReturn

from sandbox.domain.instants import read_duration, read_instant

PREFIX: Final = "PAYMENTS_SANDBOX_"
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"", "0", "false", "no", "off"})

_OF_A_SERVICE: Final = re.compile(
    PREFIX + r"(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_[0-9]+_[A-Z]+(_PROTO|_PORT|_ADDR)?)"
)
"""What Kubernetes puts into every container beside a service that has our name."""

LAST_PORT: Final = 65_535

_SERVER: Final = re.compile(
    r"(?P<origin>https?://(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?)"
    r"(?:/|/v3/?|/_sandbox/?)?",
    re.ASCII,
)
"""A name or an address, and perhaps a port; the bases of both APIs are welcome."""

_OF_SCENARIOS: Final = frozenset({".yaml", ".yml", ".json"})
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

Commands = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name for it


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
    ) -> None:
        """An option with one value; `read` turns its text into it or raises ArgumentTypeError."""
        given = self._given(option)
        self._parser.add_argument(
            *([] if short is None else [short]),
            option,
            type=read,
            default=default if given is None else self._read(option, read, given),
            metavar=metavar,
            help=help_text,
        )

    def many(
        self,
        option: str,
        help_text: str,
        *,
        metavar: str,
        read: Callable[[str], object] = str,
        separator: str = ",",
    ) -> None:
        """An option that can be given several times; `read` is as for one value.

        In the environment its values are separated by `separator`.
        """
        given = self._given(option) or ""
        parts = [part.strip() for part in given.split(separator) if part.strip()]
        self._parser.add_argument(
            option,
            action="append",
            type=read,
            default=[self._read(option, read, part) for part in parts],
            metavar=metavar,
            help=help_text,
        )

    def flag(self, option: str, help_text: str) -> None:
        """An option without a value."""
        given = (self._given(option) or "").lower()
        if given not in _TRUE | _FALSE:
            self._problems.append(f"{_variable(option)}: expected 1 or 0, true or false")
        self._parser.add_argument(
            option, action="store_true", default=given in _TRUE, help=help_text
        )

    def _given(self, option: str) -> str | None:
        """What the environment says; `tcp://…` is Kubernetes, about a service that has our name."""
        self.names.append(option)
        self.variables.add(name := _variable(option))
        given = os.environ.get(name)
        return None if given is not None and given.startswith("tcp://") else given

    def _no_option(self, name: str) -> str:
        words = [known.removeprefix(PREFIX) for known in self.variables]
        close = get_close_matches(name.removeprefix(PREFIX), sorted(words), 1)
        hint = f"did you mean {PREFIX}{close[0]}?" if close else "--help lists the options."
        return f"{name}: there is no such option; {hint}"

    def _read(self, option: str, read: Callable[[str], object], given: str) -> object:
        try:
            return read(given)
        except (argparse.ArgumentTypeError, ValueError) as error:
            self._problems.append(f"{_variable(option)}: {error}")
            return None


def refuse(chosen: argparse.Namespace, option: str, problem: str) -> NoReturn:
    """Exit with 2: what was chosen does not go together, or leads nowhere."""
    options: Options = chosen.options
    options.refuse(option, problem)


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """Reads an integer of a range."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"expected a whole number from {low} to {high}")
        return int(text)

    return read


def text_that(check: Callable[[str], object]) -> Callable[[str], str]:
    """Reads what `check` does not refuse by ValueError, and keeps the text."""

    def read(text: str) -> str:
        try:
            check(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        return text

    return read


def duration(text: str) -> int:
    """Reads a duration such as `5s` as milliseconds."""
    try:
        return read_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def lifetime(text: str) -> int:
    """Reads a duration that is not nothing as milliseconds."""
    if not (milliseconds := duration(text)):
        raise argparse.ArgumentTypeError("expected 1ms or more: worlds live between two requests")
    return milliseconds


def clock(text: str) -> str:
    """Reads `live` or an ISO 8601 instant, and keeps the text."""
    if text != "live":
        try:
            read_instant(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{error}, or live") from None
    return text


def header_value(text: str) -> str:
    """Reads what a header can carry whole; an empty token would be no token."""
    if not text.strip() or text != text.strip() or not text.isprintable():
        raise argparse.ArgumentTypeError("expected printable characters, without blanks around")
    return text


def listening_host(text: str) -> str:
    """Reads an address or a name to listen on: an empty one would mean every interface."""
    if not text.strip():
        raise argparse.ArgumentTypeError("expected an address, such as 127.0.0.1")
    return text


def host_name(text: str) -> str:
    """Reads a name as the Host header has it, without its port."""
    if not re.fullmatch(r"[\w.-]+", text, re.ASCII):
        raise argparse.ArgumentTypeError("expected a host name without port, such as shop.test")
    return text


def origin(text: str) -> str:
    """Reads an origin as browsers write it."""
    if not re.fullmatch(r"https?://[^/?#@\sA-Z]+", text):
        raise argparse.ArgumentTypeError(
            "expected an origin in lower case, without a path, such as http://localhost:5173"
        )
    return text


def server_url(text: str) -> str:
    """Reads where a server is; the addresses of its two APIs will do, and lose their path."""
    found = _SERVER.fullmatch(text)
    if found is None or int(found["port"] or 0) > LAST_PORT:
        raise argparse.ArgumentTypeError("expected an address such as http://127.0.0.1:8080")
    return found["origin"]


def webhook_url(text: str) -> str:
    """Reads where webhooks go; whether the internet is open is another option's to say."""
    from sandbox.domain.targets import problem_of  # few name one

    if problem := problem_of(text, public=True):
        raise argparse.ArgumentTypeError(problem)
    return text


def one_of(*words: str) -> Callable[[str], str]:
    """Reads one of a few words."""

    def read(text: str) -> str:
        if text not in words:
            raise argparse.ArgumentTypeError(f"expected {' or '.join(words)}")
        return text

    return read


def scenario(text: str) -> str | Path:
    """Reads the name of a scenario; the path of its file when it has an ending, or a folder."""
    path = Path(text)
    if path.name == text and path.suffix not in _OF_SCENARIOS and re.fullmatch(_WORD, text):
        return text
    if not path.is_file():
        raise argparse.ArgumentTypeError("expected the name of a scenario, or a file that exists")
    return path


def scenario_name(text: str) -> str:
    """Reads what a scenario can be called."""
    if not re.fullmatch(_WORD, text):
        raise argparse.ArgumentTypeError("expected a name such as lost-reply")
    return text


def folder(text: str) -> Path:
    """Reads the path of a folder that is there."""
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError("expected a folder that exists")
    return Path(text)


def file_to_write(text: str) -> Path:
    """Reads the path of a file whose folder is there."""
    file = Path(text)
    if file.is_dir() or not file.parent.is_dir():
        raise argparse.ArgumentTypeError("expected a file in a folder that exists")
    return file


def _is_unknown(name: str, known: set[str]) -> bool:
    is_known = name in known or _OF_A_SERVICE.fullmatch(name) is not None
    return name.startswith(PREFIX) and not is_known


def _variable(option: str) -> str:
    return PREFIX + option.removeprefix("--").replace("-", "_").upper()
