"""Owns how the text of an option is read: as a value, or with a refusal that says what would do.

Each reader takes a text and returns the value, or raises ValueError with a sentence for the user.
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
"""Bytes that the path of a unix socket may have."""

_SERVER: Final = re.compile(
    r"(?P<origin>https?://(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?)"
    r"(?:/|/v3/?|/_sandbox/?)?",
    re.ASCII,
)
"""A name or an address, and perhaps a port; the bases of both APIs are welcome."""

_OF_SCENARIOS: Final = frozenset({".yaml", ".yml", ".json"})
_ENGINE: Final = re.compile(r"(?:rediss?://[^/\s]+(?:/[0-9]*)?|unix://\S+)")
_HOST_AND_PORT: Final = re.compile(
    r"(?P<host>[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?", re.ASCII
)
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """Make a reader of integers of a range, both ends included."""

    def read(text: str) -> int:
        digits = text.lstrip("0") or "0"
        # So many digits are not counted one by one: `int` refuses thousands of them otherwise.
        is_short = text.isascii() and text.isdigit() and len(digits) <= len(str(high))
        if not is_short or not low <= int(digits) <= high:
            raise ValueError(f"expected a whole number from {low} to {high}")
        return int(digits)

    return read


seed: Final = whole_number(0, 2**53 - 1)
"""Read a seed: of worlds, and of what is drawn for them."""


def text_that(check: Callable[[str], object]) -> Callable[[str], str]:
    """Make a reader that keeps a text which `check` does not refuse by ValueError."""

    def read(text: str) -> str:
        check(text)
        return text

    return read


def time_limit(text: str) -> int:
    """Read how long something may take, at least a millisecond, as milliseconds."""
    if not (milliseconds := read_duration(text)):
        raise ValueError("expected 1ms or more, such as 30s")
    return milliseconds


def lifetime(text: str) -> int:
    """Read a duration of at least a millisecond, as milliseconds."""
    if not (milliseconds := read_duration(text)):
        raise ValueError("expected 1ms or more: worlds live between two requests")
    return milliseconds


def clock(text: str) -> str:
    """Read `live` or an ISO 8601 instant, and keep the text."""
    if text != "live":
        try:
            read_instant(text)
        except ValueError as error:
            raise ValueError(f"{error}, or live") from None
    return text


def header_value(text: str) -> str:
    """Read what a header can carry whole; an empty token would be no token."""
    if not text.strip() or text != text.strip() or not text.isprintable():
        raise ValueError("expected printable characters, without blanks around")
    return text


def not_empty(text: str) -> str:
    """Read a text that says something."""
    if not text.strip():
        raise ValueError("expected text that is not empty")
    return text


def listening_host(text: str) -> str:
    """Read an address or a name to listen on: an empty one would mean every interface."""
    if not text.strip():
        raise ValueError("expected an address, such as 127.0.0.1")
    return text


def host_name(text: str) -> str:
    """Read a name as the Host header has it, without its port, or `*.` and what it ends in."""
    if not re.fullmatch(r"(?:\*\.)?[\w.-]+", text, re.ASCII):
        raise ValueError("expected a host name without port, such as shop.test or *.shop.test")
    return text


def origin(text: str) -> str:
    """Read an origin as browsers write it."""
    if not re.fullmatch(r"https?://[^/?#@\sA-Z]+", text):
        raise ValueError(
            "expected an origin in lower case, without a path, such as http://localhost:5173"
        )
    if re.fullmatch(r"http://.*:80|https://.*:443", text):
        raise ValueError("expected an origin without the port that its scheme has anyway")
    if not re.fullmatch(r"https?://(?:[\w.-]+|\[[0-9a-f:.]+\])(?::[0-9]+)?", text, re.ASCII):
        raise ValueError(
            "expected one origin as browsers send it, such as http://localhost:5173; there are no"
            " patterns, and each further origin is a --cors of its own"
        )
    return text


def base_url(text: str) -> str:
    """Read where an API is, for a document: an address or a path, which loses its last slash."""
    if not text or not re.fullmatch(r"(?:https?://[^/?#\s]+)?(?:/[^?#\s]*)?", text):
        raise ValueError("expected an address such as http://127.0.0.1:8080/v3")
    return text.rstrip("/")


def server_url(text: str) -> str:
    """Read where a server is; the addresses of its two APIs will do, and lose their path."""
    found = _SERVER.fullmatch(text)
    if found is None or int(found["port"] or 0) > LAST_PORT:
        raise ValueError("expected an address such as http://127.0.0.1:8080")
    return found["origin"]


def engine_url(text: str) -> str:
    """Read where the engine of a cluster is."""
    if not _ENGINE.fullmatch(text) or not _has_host_and_port(text):
        raise ValueError("expected an address such as redis://localhost:6379")
    return text


def _has_host_and_port(url: str) -> bool:
    """Whether a url of an engine leads to a host and a port, or to a socket of this machine."""
    from urllib.parse import urlsplit  # noqa: PLC0415 - few name an engine

    try:
        parts = urlsplit(url)
        return parts.scheme == "unix" or (bool(parts.hostname) and parts.port != 0)
    except ValueError:  # brackets that are no address, or a port that none can be
        return False


def host_and_port(text: str) -> tuple[str, int]:
    """Read where others reach a server; the port is 0 where none is given."""
    found = _HOST_AND_PORT.fullmatch(text)
    if found is None or (port := int(found["port"] or 0)) > LAST_PORT:
        raise ValueError("expected a host and perhaps a port, such as 10.0.0.5 or node-1:8080")
    return found["host"].strip("[]"), port


def webhook_targets(text: str) -> bool:
    """Read whether webhooks may leave for the public internet."""
    return one_of("private", "public")(text) == "public"


def one_of(*words: str) -> Callable[[str], str]:
    """Make a reader of one of a few words."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"expected {' or '.join(words)}")
        return text

    return read


def scenario(text: str) -> str | Path:
    """Read the name of a scenario; the path of its file when it has an ending, or a folder."""
    path = Path(text)
    if path.name == text and path.suffix not in _OF_SCENARIOS and re.fullmatch(_WORD, text):
        return text
    if path.is_dir():
        raise ValueError("expected a name or a file; a folder is for --scenario-dir")
    if not path.is_file():
        close = near_file(path)
        hint = "" if close is None else f"; did you mean {close}?"
        raise ValueError(f"expected the name of a scenario, or a file that exists{hint}")
    return path


def near_file(path: Path) -> Path | None:
    """Find the file of scenarios that a path was meant for, in the folder that it names."""
    try:
        there = sorted(each for each in path.parent.iterdir() if each.suffix in _OF_SCENARIOS)
    except OSError:
        return None
    files = {each.stem: each for each in there}
    close = nearest(path.stem, files)
    return None if close is None else files[close]


def scenario_name(text: str) -> str:
    """Read what a scenario can be called."""
    if not re.fullmatch(_WORD, text):
        raise ValueError("expected a name such as lost-reply")
    return text


def certificates(text: str) -> Path:
    """Read the path of a file of certificates, which is opened to see that it is one."""
    import ssl  # noqa: PLC0415 - it takes long to import, and few name one

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=text)
    except (OSError, ValueError):
        raise ValueError("expected a file of certificates in PEM, to read") from None
    return Path(text)


def socket_path(text: str) -> Path:
    """Read the path of a unix socket, which is shorter than that of a file can be."""
    path = file_to_write(text)
    if len(os.fsencode(text)) > LONGEST_SOCKET_PATH:
        raise ValueError(
            f"expected at most {LONGEST_SOCKET_PATH} bytes: the path of a socket is no longer"
        )
    return path


def folder(text: str) -> Path:
    """Read the path of a folder that is there."""
    if not Path(text).is_dir():
        raise ValueError("expected a folder that exists")
    return Path(text)


def state(text: str) -> Path:
    """Read the path of a folder, or of a file, there or to come, in one that is there."""
    path = Path(text)
    if not path.is_dir() and not path.parent.is_dir():
        raise ValueError("expected a file or a folder in a folder that exists")
    return path


def file_to_write(text: str) -> Path:
    """Read the path of a file whose folder is there."""
    file = Path(text)
    if file.is_dir() or not file.parent.is_dir():
        raise ValueError("expected a file in a folder that exists")
    return file
