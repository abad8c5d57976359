"""Tests the readers of options and their bounds."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.core.instants import read_duration
from payments_sandbox.core.option_values import (
    LAST_PORT,
    base_url,
    certificates,
    clock,
    engine_url,
    file_to_write,
    folder,
    header_value,
    host_and_port,
    host_name,
    lifetime,
    listening_host,
    one_of,
    origin,
    scenario,
    scenario_name,
    server_url,
    state,
    text_that,
    time_limit,
    webhook_targets,
    whole_number,
)
from tests.support.receiver import SELF_SIGNED
from tests.support.tables import for_each


@given(st.integers(0, 10**30), st.integers(0, 20))
def test_a_whole_number_above_its_bound_is_rejected(number: int, zeros: int) -> None:
    """Leading zeros change nothing."""
    text = "0" * zeros + str(number)
    if number <= 1_000:
        assert whole_number(0, 1_000)(text) == number
    else:
        with pytest.raises(ValueError, match="expected a whole number from 0 to 1000"):
            whole_number(0, 1_000)(text)


@for_each("text", ["", "-1", "+1", "1.0", "1e3", " 1", "٣", "9" * 5_000, "1_0"])
def test_an_invalid_whole_number_is_rejected_with_its_range(text: str) -> None:
    """Also one of thousands of digits, without Python's own error text."""
    with pytest.raises(ValueError, match=r"^expected a whole number from 1 to 9$"):
        whole_number(1, 9)(text)


@for_each(
    ("read", "text", "reason"),
    [
        (read_duration, "9" * 5_000 + "d", "of at most 99999d, 999999h or 99999999m"),
        (lifetime, "0s", "expected 1ms or more"),
        (time_limit, "0s", "expected 1ms or more, such as 30s"),
        (clock, "2030-01-15T10:30:00." + "9" * 5_000, "expected an ISO 8601 date"),
        (clock, "9" * 5_000, "expected an ISO 8601 date"),
        (certificates, "nowhere.pem", "expected a readable file of PEM certificates"),
        (certificates, __file__, "expected a readable file of PEM certificates"),
        (certificates, "", "expected a readable file of PEM certificates"),
    ],
)
def test_an_option_value_beyond_its_bounds_is_rejected_with_what_is_expected(
    read: Callable[[str], object], text: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        read(text)


def test_a_readable_certificates_file_is_kept_as_a_path() -> None:
    assert certificates(str(SELF_SIGNED)) == SELF_SIGNED


HERE = Path(__file__)


@for_each(
    ("read", "text", "value"),
    [
        (whole_number(1, 9), "1", 1),
        (whole_number(1, 9), "09", 9),
        (whole_number(0, LAST_PORT), "65535", 65_535),
        (text_that(int), "07", "07"),
        (read_duration, "500ms", 500),
        (lifetime, "1ms", 1),
        (time_limit, "1ms", 1),
        (clock, "live", "live"),
        (clock, "2030-01-15T10:30:00Z", "2030-01-15T10:30:00Z"),
        (header_value, "a b", "a b"),
        (listening_host, "::1", "::1"),
        (host_name, "shop.test", "shop.test"),
        (host_name, "*.shop.test", "*.shop.test"),
        (origin, "http://localhost:5173", "http://localhost:5173"),
        (server_url, "https://[::1]:65535/v3", "https://[::1]:65535"),
        (server_url, "http://shop.test/_sandbox/", "http://shop.test"),
        (engine_url, "redis://localhost", "redis://localhost"),
        (engine_url, "rediss://user:p%40@[::1]:6379/2", "rediss://user:p%40@[::1]:6379/2"),
        (engine_url, "unix:///run/redis.sock", "unix:///run/redis.sock"),
        (webhook_targets, "private", False),
        (webhook_targets, "public", True),
        (one_of("a", "b"), "b", "b"),
        (scenario, "lost-reply", "lost-reply"),
        (scenario, str(HERE), HERE),
        (scenario_name, "lost-reply", "lost-reply"),
        (folder, str(HERE.parent), HERE.parent),
        (file_to_write, str(HERE.parent / "new.json"), HERE.parent / "new.json"),
        (file_to_write, str(HERE), HERE),
        (host_and_port, "node-1", ("node-1", 0)),
        (host_and_port, "[::1]:65535", ("::1", 65_535)),
        (state, str(HERE.parent), HERE.parent),
        (state, str(HERE.parent / "new.json"), HERE.parent / "new.json"),
    ],
)
def test_a_valid_option_value_is_read(
    read: Callable[[str], object], text: str, value: object
) -> None:
    """Up to its bounds."""
    assert read(text) == value


@for_each(
    ("read", "text", "reason"),
    [
        (text_that(int), "x", "invalid literal for int() with base 10: 'x'"),
        (header_value, " ", "expected printable characters, without leading or trailing blanks"),
        (header_value, "a ", "expected printable characters, without leading or trailing blanks"),
        (
            header_value,
            "a\n.b",
            "expected printable characters, without leading or trailing blanks",
        ),
        (listening_host, " ", "expected an address, such as 127.0.0.1"),
        (host_name, "shop.test:80", "expected a host name without a port, such as shop.test or"),
        (origin, "http://Shop.test", "expected an origin in lower case, without a path"),
        (origin, "http://shop.test/", "expected an origin in lower case, without a path"),
        (
            origin,
            "http://localhost:80",
            "expected an origin without the default port",
        ),
        (origin, "https://shop.test:443", "expected an origin without the default port"),
        (origin, "http://*.shop.test", "expected one origin as browsers send it"),
        (origin, "http://a.test,http://b.test", "expected an origin in lower case"),
        (origin, "http://a.test,b.test", "expected one origin as browsers send it"),
        (base_url, "", "expected an address such as http://127.0.0.1:8080/v3"),
        (base_url, "ftp://shop.test", "expected an address such as"),
        (base_url, "shop.test/v3", "expected an address such as"),
        (base_url, "http://shop.test/v3?a=1", "expected an address such as"),
        (server_url, "ftp://shop.test", "expected an address such as http://127.0.0.1:8080"),
        (server_url, "http://shop.test:65536", "expected an address such as http://127.0.0.1:8080"),
        *(
            (engine_url, text, "expected an address such as redis://localhost:6379")
            for text in (
                "localhost:6379",
                "redis://",
                "redis://:6379",
                "redis://localhost:65536",
                "redis://localhost:0",
                "redis://localhost:port",
                "redis://[::1",
                "redis://[x]",
                "redis://localhost/x",
            )
        ),
        (webhook_targets, "all", "expected private or public"),
        (scenario, str(HERE.parent), "expected a name or a file; use --scenario-dir for a folder"),
        (scenario, "no.yaml", "expected the name of a scenario or an existing file"),
        (scenario, "no/lost-reply", "expected the name of a scenario or an existing file"),
        (scenario, "-x", "expected the name of a scenario or an existing file"),
        (scenario_name, "-x", "expected a name such as lost-reply"),
        (folder, str(HERE), "expected an existing folder"),
        (file_to_write, str(HERE.parent), "expected a file in an existing folder"),
        (file_to_write, str(HERE / "x.json"), "expected a file in an existing folder"),
        (
            host_and_port,
            "node-1:65536",
            "expected a host and an optional port, such as 10.0.0.5 or",
        ),
        (state, str(HERE / "x.json"), "expected a file or folder in an existing folder"),
    ],
)
def test_an_invalid_option_value_is_rejected_with_what_is_expected(
    read: Callable[[str], object], text: str, reason: str
) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(reason)):
        read(text)
