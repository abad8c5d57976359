"""Owns which addresses webhooks may go to, as far as an address or the text of a URL decides it.

Receivers under test run on loopback and in private networks. The worst accident of a sandbox would
be a test event that reaches a production endpoint, so the public internet is blocked by default.
Link-local and metadata addresses are always blocked.
"""

import ipaddress
import re
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from payments_sandbox.core.masking import contains_card_number
from payments_sandbox.webhooks.endpoint import INBOX, INBOX_NAME

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

BLOCKED_NETWORKS: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.100.100.200/32",  # the metadata service of one cloud,
        "168.63.129.16/32",  # another,
        "169.254.0.0/16",  # link-local, which most others use,
        "192.0.0.192/32",  # and one more
        "224.0.0.0/4",
        "255.255.255.255/32",
        "2002::/16",  # 6to4 and NAT64 can contain any IPv4 address
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2001::/32",  # so can Teredo
        "::ffff:0:0:0/96",  # and stateless translation
        "::/128",
        "fd00:ec2::254/128",
        "fd20:ce::254/128",
        "fe80::/10",
        "ff00::/8",
    )
)
_NETLOC: Final = re.compile(
    r"(?:\[[0-9A-Fa-f:.]+(?:%25[\w.~-]+)?\]|[\w.-]+)(?::(?:0*[1-9][0-9]*)?)?", re.ASCII
)
"""A host and a port, checked here because the URL parser tolerates other characters."""

_COMPATIBLE: Final = ipaddress.ip_network("::/96")
"""The old form of IPv4 addresses in IPv6; `::` and `::1` are in this network, too."""

_EXPECTED: Final = "expected a url, such as http://localhost:3000/webhooks or inbox:orders"
PORTS: Final = {"http": 80, "https": 443}

MAX_URL: Final = 2_000
"""How many characters a URL may have."""


class TargetPolicy(NamedTuple):
    """Where the URLs of endpoints may lead.

    Attributes:
        public: whether webhooks may be sent to the public internet.
        sandbox_host: the Host of the sandbox itself, of which only the inboxes are receivers.
        sandbox_port: its port, which a URL on loopback may have only for an inbox.
    """

    public: bool
    sandbox_host: str | None = None
    sandbox_port: int | None = None

    def is_sandbox(self, url: str) -> bool:
        """Whether a URL, by its text, leads to the sandbox itself."""
        parts = urlsplit(url)
        if parts.netloc == self.sandbox_host:
            return True
        port = loopback_port(url)
        return port is not None and port == self.sandbox_port


def loopback_port(url: str) -> int | None:
    """The port of an http or https URL that, by its text, leads to this machine; else None."""
    parts = urlsplit(url)
    return parts.port or PORTS[parts.scheme] if _is_loopback(parts.hostname or "") else None


def _is_loopback(host: str) -> bool:
    name = host.rstrip(".")
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
    return _real(address).is_loopback


def _real(address: Address) -> Address:
    """The IPv4 address that an IPv6 address contains, or the address itself."""
    if address.version == 4:  # noqa: PLR2004 - the version of IP
        return address
    if address in _COMPATIBLE and int(address) > 1:
        return ipaddress.IPv4Address(int(address))
    return address.ipv4_mapped or address


def is_permitted(address: Address, *, public: bool) -> bool:
    """Whether a webhook may go to an address; an IPv4 address in an IPv6 address counts."""
    real = _real(address)
    return not any(real in network for network in BLOCKED_NETWORKS) and (
        public or not real.is_global
    )


def why_blocked(url: str, *, public: bool) -> str | None:
    """Say what would have worked if the text of a URL is not allowed; None if it is."""
    if url.startswith(INBOX):
        if not INBOX_NAME.fullmatch(name := url.removeprefix(INBOX)):
            return "expected inbox: and 1 to 64 letters, digits, '-' or '_'"
        return "expected a name without a card number" if contains_card_number(name) else None
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return _EXPECTED
    return _why_text_blocked(url, parts) or _why_address_blocked(host or "", public=public)


def _why_text_blocked(url: str, parts: SplitResult) -> str | None:
    refusals = (
        (
            parts.scheme not in ("http", "https") or not parts.hostname or len(url) > MAX_URL,
            "expected an http or https url, or inbox:NAME for a built-in receiver",
        ),
        ("@" in parts.netloc, "expected a url without user and password; send them as a header"),
        (
            not url.isascii() or not url.isprintable() or " " in url,
            "expected a url in ASCII, without blanks",
        ),
        (not _NETLOC.fullmatch(parts.netloc), _EXPECTED),
        (contains_card_number(url), "expected a url without a card number or security code"),
    )
    return next((why for is_refused, why in refusals if is_refused), None)


def _why_address_blocked(host: str, *, public: bool) -> str | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        if host.replace(".", "").isdigit():
            return "expected four numbers from 0 to 255, such as 127.0.0.1, or a name"
        return None  # a name is checked when it is resolved
    if is_permitted(address, public=public):
        return None
    if is_permitted(address, public=True):
        return "expected a private address; --webhook-targets public permits others"
    return "expected no wildcard, link-local, multicast or metadata address"
