"""Tests which webhook URLs are rejected by their text, and with which error."""

import pytest

from payments_sandbox.webhooks.target_policy import TargetPolicy, loopback_port, why_blocked
from tests.support.tables import for_each

NO_URL = "expected an http or https url, or inbox:NAME for a built-in receiver"
NO_ASCII = "expected a url in ASCII, without blanks"
NO_USER = "expected a url without user and password; send them as a header"
PRIVATE = "expected a private address; --webhook-targets public permits others"
NEVER = "expected no wildcard, link-local, multicast or metadata address"
NO_URL_AT_ALL = "expected a url, such as http://localhost:3000/webhooks or inbox:orders"
NO_NUMBER = "expected a url without a card number or security code"
NAME = "expected inbox: and 1 to 64 letters, digits, '-' or '_'"


@for_each(
    ("url", "why"),
    [
        ("inbox:orders", None),
        ("inbox:", NAME),
        ("inbox:a b", NAME),
        ("http://localhost:3000/hooks", None),
        ("https://127.0.0.1/", None),
        ("http://10.0.0.1/", None),
        ("http://[::1]:3000/", None),
        ("http://[::ffff:127.0.0.1]/", None),
        ("ftp://localhost/", NO_URL),
        ("http:///hooks", NO_URL),
        ("localhost:3000", NO_URL),
        ("http://user:password@localhost/", NO_USER),
        ("http://localhost/ä", NO_ASCII),
        ("http://localhost/a b", NO_ASCII),
        ("http://localhost/\x7f", NO_ASCII),
        ("http://8.8.8.8/", PRIVATE),
        ("http://[2606:4700::1]/", PRIVATE),
        ("http://169.254.169.254/", NEVER),
        ("http://100.100.100.200/", NEVER),
        ("http://[fe80::1%25eth0]/", NEVER),
        ("http://[::ffff:169.254.169.254]/", NEVER),
        ("http://224.0.0.1/", NEVER),
        ("http://[::1]x/", NO_URL_AT_ALL),
        ("http://[v1.a]/", NO_URL_AT_ALL),
        ("http://localhost:99999/", NO_URL_AT_ALL),
        ("http://localhost/4242424242424242", NO_NUMBER),
        ("inbox:4242424242424242", "expected a name without a card number"),
        ("http://256.1.1.1/", "expected four numbers from 0 to 255, such as 127.0.0.1, or a name"),
    ],
)  # fmt: skip
def test_a_webhook_url_is_accepted_or_rejected_by_its_text(url: str, why: str | None) -> None:
    """Host names are checked when they are resolved."""
    assert why_blocked(url, public=False) == why


@pytest.mark.parametrize(
    ("url", "why"),
    [("http://8.8.8.8/", None), ("http://169.254.169.254/", NEVER), ("http://10.0.0.1/", None)],
)
def test_public_targets_can_be_allowed_but_metadata_addresses_cannot(
    url: str, why: str | None
) -> None:
    """Private networks stay allowed."""
    assert why_blocked(url, public=True) == why


def test_a_webhook_url_of_more_than_2000_characters_is_rejected() -> None:
    start = "http://localhost/"
    longest = start + "a" * (2_000 - len(start))

    assert (why_blocked(longest, public=False), why_blocked(f"{longest}a", public=False)) == (
        None,
        NO_URL,
    )


@for_each(
    ("url", "port"),
    [
        ("http://localhost/webhooks", 80),
        ("https://localhost/webhooks", 443),
        ("http://LOCALHOST.:3000/", 3000),
        ("http://shop.localhost:3000/", 3000),
        ("http://127.0.0.2:3000/", 3000),
        ("http://[::1]:3000/", 3000),
        ("http://[::ffff:127.0.0.1]:3000/", 3000),
        ("http://192.168.0.1:3000/", None),
        ("http://localhost.example:3000/", None),
    ],
)
def test_a_loopback_url_is_recognised_in_any_spelling_with_its_port(
    url: str, port: int | None
) -> None:
    assert loopback_port(url) == port


@pytest.mark.parametrize(
    ("url", "is_it"),
    [
        ("http://sandbox.test:8080/_sandbox/inbox/a", True),
        ("http://sandbox.test/_sandbox/inbox/a", False),
        ("http://localhost:8080/", True),
        ("http://[::ffff:127.0.0.1]:8080/", True),
        ("http://localhost:8081/", False),
        ("http://192.168.0.1:8080/", False),
    ],
)
def test_a_url_of_the_sandbox_itself_is_recognised_by_host_or_loopback_port(
    url: str, *, is_it: bool
) -> None:
    """On another host the same port is any server's."""
    policy = TargetPolicy(False, "sandbox.test:8080", 8080)  # noqa: FBT003 - a field

    assert policy.is_sandbox(url) is is_it
    assert TargetPolicy(public=False).is_sandbox(url) is False
