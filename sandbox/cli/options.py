"""Owns options that can also come from the environment, as `PAYMENTS_SANDBOX_<OPTION>`."""

import argparse
import os
from collections.abc import Callable
from typing import Final

from sandbox.domain.instants import read_duration, read_instant

PREFIX: Final = "PAYMENTS_SANDBOX_"
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"", "0", "false", "no", "off"})

Commands = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name for it


class Options:
    """Adds options to a parser; the command line wins over the environment.

    A list in the environment is separated by commas.
    """

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._parser = parser

    def value(
        self,
        option: str,
        help_text: str,
        *,
        metavar: str,
        default: object = None,
        read: Callable[[str], object] = str,
    ) -> None:
        """An option with one value; `read` turns its text into it or raises ArgumentTypeError."""
        given = os.environ.get(_variable(option))
        self._parser.add_argument(
            option,
            type=read,
            default=default if given is None else self._read(option, read, given),
            metavar=metavar,
            help=help_text,
        )

    def many(self, option: str, help_text: str, *, metavar: str) -> None:
        """An option that can be given several times."""
        given = os.environ.get(_variable(option), "")
        default = [part.strip() for part in given.split(",") if part.strip()]
        self._parser.add_argument(
            option, action="append", default=default, metavar=metavar, help=help_text
        )

    def flag(self, option: str, help_text: str) -> None:
        """An option without a value."""
        given = os.environ.get(_variable(option), "").lower()
        if given not in _TRUE | _FALSE:
            self._parser.error(f"{_variable(option)}: expected 1 or 0, true or false.")
        self._parser.add_argument(
            option, action="store_true", default=given in _TRUE, help=help_text
        )

    def _read(self, option: str, read: Callable[[str], object], given: str) -> object:
        try:
            return read(given)
        except (argparse.ArgumentTypeError, ValueError) as error:
            self._parser.error(f"{_variable(option)}: {error}")


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """Reads an integer of a range."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"expected a whole number from {low} to {high}")
        return int(text)

    return read


def duration(text: str) -> int:
    """Reads a duration such as `5s` as milliseconds."""
    try:
        return read_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def clock(text: str) -> str:
    """Reads `live` or an ISO 8601 instant, and keeps the text."""
    if text != "live":
        try:
            read_instant(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{error}, or live") from None
    return text


def _variable(option: str) -> str:
    return PREFIX + option.removeprefix("--").replace("-", "_").upper()
