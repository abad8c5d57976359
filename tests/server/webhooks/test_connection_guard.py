"""Tests which addresses webhooks may connect to, in every spelling of an address."""

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.server.webhooks.sender import TargetNotPermittedError, guarded_sockets
from payments_sandbox.webhooks.target_policy import BLOCKED_NETWORKS, is_permitted, why_blocked

NETWORKS = st.sampled_from(BLOCKED_NETWORKS)


@st.composite
def forbidden(draw: st.DrawFn) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Draw an address of a network that is never permitted."""
    network = draw(NETWORKS)
    return network[draw(st.integers(0, network.num_addresses - 1))]


@given(forbidden())
def test_an_address_of_a_blocked_network_is_rejected_in_every_spelling(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    """With private and with public targets; also mapped into IPv6, and as a URL."""
    for public in (False, True):
        assert not is_permitted(address, public=public)
        if isinstance(address, ipaddress.IPv4Address):
            mapped = ipaddress.ip_address(f"::ffff:{address}")
            assert not is_permitted(mapped, public=public)
        host = f"[{address}]" if ":" in str(address) else str(address)
        assert why_blocked(f"http://{host}/", public=public)


@given(st.ip_addresses())
def test_public_targets_permit_all_that_private_ones_do_and_global_addresses(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if is_permitted(address, public=False):
        assert is_permitted(address, public=True)
        assert not address.is_global
    elif is_permitted(address, public=True):
        real = getattr(address, "ipv4_mapped", None) or address
        assert real.is_global


@given(st.ip_addresses())
def test_a_literal_address_is_rejected_at_registration_exactly_if_it_is_when_connecting(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    is_v6 = address.version == 6
    host = f"[{address}]" if is_v6 else str(address)
    family = socket.AF_INET6 if is_v6 else socket.AF_INET
    info = (family, socket.SOCK_STREAM, 6, "", (str(address), 80))
    is_taken = why_blocked(f"http://{host}:80/", public=False) is None
    try:
        guarded_sockets(public=False)(info).close()
    except TargetNotPermittedError:
        assert not is_taken
    else:
        assert is_taken


@given(st.text(max_size=60))
def test_any_text_as_a_webhook_url_is_accepted_or_rejected_with_a_reason(text: str) -> None:
    for url in (text, f"http://{text}/", f"https://localhost/{text}", f"inbox:{text}"):
        problem = why_blocked(url, public=False)
        assert problem is None or problem.startswith("expected ")


@pytest.mark.parametrize("scope", ["%eth0", "%25eth0", "%1"])
def test_a_link_local_address_with_a_scope_is_rejected(scope: str) -> None:
    info = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (f"fe80::1{scope}", 80))
    with pytest.raises(TargetNotPermittedError, match=f"fe80::1{scope} is not a permitted"):
        guarded_sockets(public=True)(info)
    assert why_blocked(f"http://[fe80::1{scope}]/", public=True)


def test_a_webhook_url_may_have_2000_characters_and_no_more() -> None:
    url = "http://localhost/" + "x" * 1_983
    assert why_blocked(url, public=False) is None
    assert why_blocked(f"{url}x", public=False)
