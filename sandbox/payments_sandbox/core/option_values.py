"""Owns the readers of option values: text in, value out, or an error that says what would work.

Each reader takes a text and returns the value, or raises ValueError with a message for the user.
"""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from payments_sandbox.core.instants import read_duration, read_instant
from payments_sandbox.core.wording import nearest

LAST_PORT: Final = 65_535

LONGEST_SOCKET_PATH: Final = 107 if sys.platform == "linux" else 103
"""How many bytes the path of a unix socket may have."""

_SERVER: Final = re.compile(
    r"(?P<origin>https?://(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?)"
    r"(?:/|/v3/?|/_sandbox/?)?",
    re.ASCII,
)
"""A name or an address with an optional port; the base paths of both APIs are accepted."""

_OF_SCENARIOS: Final = frozenset({".yaml", ".yml", ".json"})
_ENGINE: Final = re.compile(r"(?:rediss?://[^/\s]+(?:/[0-9]*)?|unix://\S+)")
_HOST_AND_PORT: Final = re.compile(
    r"(?P<host>[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?", re.ASCII
)
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """Make a reader of integers in a range, both ends included."""

    def read(text: str) -> int:
        digits = text.lstrip("0") or "0"
        # The number of digits is checked first: `int` raises another error for thousands of them.
        is_short = text.isascii() and text.isdigit() and len(digits) <= len(str(high))
        if not is_short or not low <= int(digits) <= high:
            raise ValueError(f"expected a whole number from {low} to {high}")
        return int(digits)

    return read


seed: Final = whole_number(0, 2**53 - 1)
"""Read a seed of worlds or of generated payments."""


def text_that(check: Callable[[str], object]) -> Callable[[str], str]:
    """Make a reader that returns the text unless `check` raises ValueError for it."""

    def read(text: str) -> str:
        check(text)
        return text

    return read


def time_limit(text: str) -> int:
    """Read a time limit of at least a millisecond, as milliseconds."""
    if not (milliseconds := read_duration(text)):
        raise ValueError("expected 1ms or more, such as 30s")
    return milliseconds


def lifetime(text: str) -> int:
    """Read how long an unused world lives, at least a millisecond, as milliseconds."""
    if not (milliseconds := read_duration(text)):
        raise ValueError("expected 1ms or more: worlds are kept between requests")
    return milliseconds


def clock(text: str) -> str:
    """Read `live` or an ISO 8601 instant, and return the text itself."""
    if text != "live":
        try:
            read_instant(text)
        except ValueError as error:
            raise ValueError(f"{error}, or live") from None
    return text


def header_value(text: str) -> str:
    """Read a value that a header can carry unchanged; it may not be empty."""
    if not text.strip() or text != text.strip() or not text.isprintable():
        raise ValueError("expected printable characters, without leading or trailing blanks")
    return text


def not_empty(text: str) -> str:
    """Read a text that is not blank."""
    if not text.strip():
        raise ValueError("expected text that is not empty")
    return text


def listening_host(text: str) -> str:
    """Read an address or a name to listen on; an empty one would mean every interface."""
    if not text.strip():
        raise ValueError("expected an address, such as 127.0.0.1")
    return text


def host_name(text: str) -> str:
    """Read the name in a Host header, without the port, or `*.` and the end of the name."""
    if not re.fullmatch(r"(?:\*\.)?[\w.-]+", text, re.ASCII):
        raise ValueError("expected a host name without a port, such as shop.test or *.shop.test")
    return text


def origin(text: str) -> str:
    """Read an origin as browsers send it."""
    if not re.fullmatch(r"https?://[^/?#@\sA-Z]+", text):
        raise ValueError(
            "expected an origin in lower case, without a path, such as http://localhost:5173"
        )
    if re.fullmatch(r"http://.*:80|https://.*:443", text):
        raise ValueError("expected an origin without the default port of its scheme")
    if not re.fullmatch(r"https?://(?:[\w.-]+|\[[0-9a-f:.]+\])(?::[0-9]+)?", text, re.ASCII):
        raise ValueError(
            "expected one origin as browsers send it, such as http://localhost:5173; patterns are"
            " not supported, repeat --cors for more origins"
        )
    return text


def base_url(text: str) -> str:
    """Read the base URL of an API, or its path; a trailing slash is removed."""
    if not text or not re.fullmatch(r"(?:https?://[^/?#\s]+)?(?:/[^?#\s]*)?", text):
        raise ValueError("expected an address such as http://127.0.0.1:8080/v3")
    return text.rstrip("/")


def server_url(text: str) -> str:
    """Read the address of a server; the base paths of its two APIs are accepted and removed."""
    found = _SERVER.fullmatch(text)
    if found is None or int(found["port"] or 0) > LAST_PORT:
        raise ValueError("expected an address such as http://127.0.0.1:8080")
    return found["origin"]


def engine_url(text: str) -> str:
    """Read the address of the engine of a cluster."""
    if not _ENGINE.fullmatch(text) or not _has_host_and_port(text):
        raise ValueError("expected an address such as redis://localhost:6379")
    return text


def _has_host_and_port(url: str) -> bool:
    """Whether the URL of an engine has a valid host and port, or is a socket of this machine."""
    from urllib.parse import urlsplit  # noqa: PLC0415 - few name an engine

    try:
        parts = urlsplit(url)
        return parts.scheme == "unix" or (bool(parts.hostname) and parts.port != 0)
    except ValueError:  # an invalid address in brackets, or an invalid port
        return False


def host_and_port(text: str) -> tuple[str, int]:
    """Read the host and port where others reach a server; the port is 0 if none is given."""
    found = _HOST_AND_PORT.fullmatch(text)
    if found is None or (port := int(found["port"] or 0)) > LAST_PORT:
        raise ValueError("expected a host and an optional port, such as 10.0.0.5 or node-1:8080")
    return found["host"].strip("[]"), port


def webhook_targets(text: str) -> bool:
    """Read whether webhooks may be sent to the public internet."""
    return one_of("private", "public")(text) == "public"


def one_of(*words: str) -> Callable[[str], str]:
    """Make a reader of one of a few words."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"expected {' or '.join(words)}")
        return text

    return read


def scenario(text: str) -> str | Path:
    """Read the name of a scenario, or the path of its file if it has a suffix or a folder."""
    path = Path(text)
    if path.name == text and path.suffix not in _OF_SCENARIOS and re.fullmatch(_WORD, text):
        return text
    if path.is_dir():
        raise ValueError("expected a name or a file; use --scenario-dir for a folder")
    if not path.is_file():
        close = most_similar_file(path)
        hint = "" if close is None else f"; did you mean {close}?"
        raise ValueError(f"expected the name of a scenario or an existing file{hint}")
    return path


def most_similar_file(path: Path) -> Path | None:
    """Find the scenario file with the most similar name in the folder of a path."""
    try:
        there = sorted(each for each in path.parent.iterdir() if each.suffix in _OF_SCENARIOS)
    except OSError:
        return None
    files = {each.stem: each for each in there}
    close = nearest(path.stem, files)
    return None if close is None else files[close]


def scenario_name(text: str) -> str:
    """Read a valid name for a scenario."""
    if not re.fullmatch(_WORD, text):
        raise ValueError("expected a name such as lost-reply")
    return text


def certificates(text: str) -> Path:
    """Read the path of a file of certificates, which is loaded to check it."""
    import ssl  # noqa: PLC0415 - it takes long to import, and few name one

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=text)
    except (OSError, ValueError):
        raise ValueError("expected a readable file of PEM certificates") from None
    return Path(text)


def socket_path(text: str) -> Path:
    """Read the path of a unix socket, which may not be as long as other paths."""
    path = file_to_write(text)
    if len(os.fsencode(text)) > LONGEST_SOCKET_PATH:
        raise ValueError(f"expected a socket path of at most {LONGEST_SOCKET_PATH} bytes")
    return path


def folder(text: str) -> Path:
    """Read the path of a folder that exists."""
    if not Path(text).is_dir():
        raise ValueError("expected an existing folder")
    return Path(text)


def state(text: str) -> Path:
    """Read the path of a folder or file that exists, or that can be made in a folder that does."""
    path = Path(text)
    if not path.is_dir() and not path.parent.is_dir():
        raise ValueError("expected a file or folder in an existing folder")
    return path


def file_to_write(text: str) -> Path:
    """Read the path of a file whose folder exists."""
    file = Path(text)
    if file.is_dir() or not file.parent.is_dir():
        raise ValueError("expected a file in an existing folder")
    return file
