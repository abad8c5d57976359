"""The environment that a process gets with the server's address never routes it through a proxy."""

import pytest

from payments_sandbox.client.environment import without_proxy

URL = "http://127.0.0.1:4711/v3"
LOOPBACK = "localhost,127.0.0.1,::1"


@pytest.mark.parametrize(
    ("environment", "hosts"),
    [
        ({}, LOOPBACK),
        ({"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": ""}, LOOPBACK),
        ({"NO_PROXY": ".corp, 10.0.0.0/8"}, f".corp,10.0.0.0/8,{LOOPBACK}"),
        ({"no_proxy": "localhost"}, LOOPBACK),
        ({"NO_PROXY": "a", "no_proxy": "b,a"}, f"a,b,{LOOPBACK}"),
    ],
)
def test_no_proxy_keeps_its_hosts_and_gains_the_loopback_names_in_both_spellings(
    environment: dict[str, str], hosts: str
) -> None:
    """Some libraries read the variable in capitals, others in lower case."""
    assert without_proxy(URL, environment) == {"NO_PROXY": hosts, "no_proxy": hosts}


def test_a_no_proxy_of_an_asterisk_is_left_alone() -> None:
    """Python understands the asterisk only if it stands alone."""
    assert without_proxy(URL, {"no_proxy": "*"}) == {}


def test_no_proxy_includes_the_host_of_a_server_beyond_loopback() -> None:
    """Without the port."""
    hosts = without_proxy("http://[fd00::1]:8080/v3", {})["NO_PROXY"]
    assert hosts == f"{LOOPBACK},fd00::1"
