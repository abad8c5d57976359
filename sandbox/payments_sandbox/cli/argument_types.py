"""Owns how the text of an option is read: as a value, or with a refusal that says what would do."""

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from payments_sandbox.core.instants import read_duration, read_instant

LAST_PORT: Final = 65_535

_SERVER: Final = re.compile(
    r"(?P<origin>https?://(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?)"
    r"(?:/|/v3/?|/_sandbox/?)?",
    re.ASCII,
)
"""A name or an address, and perhaps a port; the bases of both APIs are welcome."""

_OF_SCENARIOS: Final = frozenset({".yaml", ".yml", ".json"})
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


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
    from payments_sandbox.webhooks.target_policy import why_blocked  # few name one

    if problem := why_blocked(text, public=True):
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
