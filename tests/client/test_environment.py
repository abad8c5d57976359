"""What a process is told of a server: no proxy is asked for it, whatever was said before."""

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
def test_clients_ask_no_proxy_for_loopback_nor_for_whom_they_did_not(
    environment: dict[str, str], hosts: str
) -> None:
    """Some read the variable in capitals, and some do not."""
    assert without_proxy(URL, environment) == {"NO_PROXY": hosts, "no_proxy": hosts}


def test_where_no_proxy_is_ever_asked_nothing_is_added() -> None:
    """Python knows the asterisk only where it stands alone."""
    assert without_proxy(URL, {"no_proxy": "*"}) == {}


def test_a_server_beyond_loopback_is_named_too() -> None:
    """By its host, without the port."""
    hosts = without_proxy("http://[fd00::1]:8080/v3", {})["NO_PROXY"]
    assert hosts == f"{LOOPBACK},fd00::1"
