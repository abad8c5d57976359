"""Owns the curl commands of the documents: sent as they stand, and held to what is shown."""

import re
import shlex
import urllib.error
import urllib.request
from argparse import ArgumentParser
from typing import Final

PATIENCE: Final = 10
"""Seconds after which a silent server counts as hanging."""

DIRECT: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks no proxy, whatever the environment says."""


class Curl(ArgumentParser):
    """The few options of curl that the examples use; another one is an error."""

    def __init__(self) -> None:
        super().__init__("curl", allow_abbrev=False, add_help=False, exit_on_error=False)
        self.add_argument("url")
        self.add_argument("-s", action="store_true", required=True)
        self.add_argument("-H", action="append", default=[])
        self.add_argument("-d")


def requested(command: str) -> urllib.request.Request:
    """The request that a curl command sends: a POST where it has `-d`."""
    _, *words = shlex.split(command.replace("\\\n", " "))  # a shell joins continued lines
    given = Curl().parse_args(words)
    headers = dict(line.split(": ", 1) for line in given.H)
    data = None if given.d is None else given.d.encode()
    return urllib.request.Request(given.url, data, headers)  # noqa: S310 - our own address


def answer(command: str) -> str:
    """The body of the reply, whatever its status."""
    try:
        with DIRECT.open(requested(command), timeout=PATIENCE) as reply:
            return str(reply.read().decode())
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.read().decode()


def shown(pattern: str) -> re.Pattern[str]:
    """What a block of a page stands for: `…` is anything, within a string or as more fields."""
    text = re.escape(pattern.strip()).replace(re.escape(", …"), r",.+")
    return re.compile(text.replace("…", r'[^"]+'))
