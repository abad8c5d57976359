"""A request that is answered at once gets what it would have got through aiohttp, to the byte."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from tests.project.tree import ROOT
from tests.support.two_ways import KEY, OneWay

LIBRARY = ROOT / "scenarios"

PAYMENT = (
    b'{"amount": 2500, "currency": "USD", "payment_method": {"type": "card", "card_number":'
    b' "4111111111111111", "exp_month": 12, "exp_year": 2034, "cvc": "123"},'
    b' "customer_id": "cust_1"}'
)
DECLINED = PAYMENT.replace(b"4111111111111111", b"4000000000000002")
USUAL = (
    b"Host: localhost:8080",
    b"Authorization: Bearer " + KEY.encode(),
    b"Content-Type: application/json",
)
LINES = (
    *USUAL,
    b"host: 127.0.0.1",
    b"Host: shop.example.com",
    b"Authorization: Bearer 4111111111111111",
    b"authorization:  Bearer " + KEY.encode() + b"\t",
    b"Authorization: Basic c2s6",
    b"content-type: application/json; charset=latin-1",
    b"Content-Type: text/plain",
    b"Content-Length: 0",
    b"Content-Length: 12",
    b"Content-Length: +5",
    b"Content-Encoding: gzip",
    b"Transfer-Encoding: chunked",
    b"Connection: close",
    b"Connection: Keep-Alive",
    b"Connection: upgrade",
    b"Proxy-Connection: close",
    b"Upgrade: websocket",
    b"Expect: 100-continue",
    b"Origin: http://localhost:8080",
    b"Sec-Fetch-Site: cross-site",
    b"Sec-WebSocket-Key1: 1",
    b"User-Agent: a b/1.0 (c; d)",
    b"X-Card: 4111111111111111",
    b"X-Empty:",
    b"X-Odd : 1",
    b"X-Two:  words  apart ",
    b"X-Latin: caf\xe9",
    b"X-Folded: a\r\n b",
    b"X-Long: " + b"a" * 5_000,
    b"no colon",
)
TARGETS = (
    b"/v3/payments",
    b"/v3/payments/",
    b"/v3/payments?limit=2&customer_id=cust_1",
    b"/v3/payments?limit=0",
    b"/v3/payments?created_after=2020-01-01T00:00:00%2B01:00",
    b"/v3/payments?limit=1#limit=2",
    b"/v3/payments?limit=1?",
    b"/v3//payments",
    b"/v3/payments/{id}",
    b"/v3/payments/{id}?a=b",
    b"/v3/payments/{id}/refunds",
    b"/v3/payments/pay%5F1",
    b"/v3/payments/4111111111111111",
    b"/v3/refunds",
    b"/v3",
    b"/",
    b"*",
    b"http://localhost/v3/payments",
    b"/_sandbox/live",
)
METHODS = (b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"get")
BODIES = (b"", PAYMENT, DECLINED, b'{"amount": 5}', b"{}", b"{", b'{"amount": 5, "amount": 6}')


class Request(NamedTuple):
    """What a request is made of."""

    method: bytes
    target: bytes
    body: bytes
    lines: tuple[bytes, ...] = USUAL
    version: bytes = b"1.1"
    is_sized: bool = True

    def raw(self) -> bytes:
        """The request as it is sent."""
        size = [b"Content-Length: %d" % len(self.body)] if self.is_sized else []
        first = b"%b %b HTTP/%b" % (self.method, self.target, self.version)
        return b"\r\n".join([first, *self.lines, *size, b"", self.body])


PLAIN = (
    Request(b"POST", b"/v3/payments", PAYMENT),
    Request(b"POST", b"/v3/payments", DECLINED),
    Request(b"POST", b"/v3/payments/{id}/refunds", b'{"amount": 5}'),
    Request(b"GET", b"/v3/payments/{id}", b""),
    Request(b"GET", b"/v3/payments?limit=2", b"", is_sized=False),
)
PAY, LIST = PLAIN[0].raw(), PLAIN[-1].raw()
changes = st.one_of(
    st.sampled_from(LINES).map(lambda line: lambda old: old._replace(lines=(*old.lines, line))),
    st.sampled_from(LINES).map(lambda line: lambda old: old._replace(lines=(line, *old.lines))),
    st.integers(0, 2).map(
        lambda n: lambda old: old._replace(lines=(*old.lines[:n], *old.lines[n + 1 :]))
    ),
    st.sampled_from([b"1.0", b"2.0", b"1.1 "]).map(lambda v: lambda old: old._replace(version=v)),
    st.sampled_from(TARGETS).map(lambda target: lambda old: old._replace(target=target)),
    st.sampled_from(METHODS).map(lambda method: lambda old: old._replace(method=method)),
    st.sampled_from(BODIES).map(lambda body: lambda old: old._replace(body=body)),
    st.just(lambda old: old._replace(is_sized=not old.is_sized)),
)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A plain request with a few things changed that may make it another."""
    request = draw(st.sampled_from(PLAIN))
    for change in draw(st.lists(changes, max_size=2)):
        request = change(request)
    return request.raw()


@contextmanager
def both(scenarios: tuple[str, ...] = ()) -> Iterator[tuple[OneWay, OneWay]]:
    """Two sandboxes that are the same but for who has their connections."""
    ours, aiohttps = OneWay(scenarios=scenarios), OneWay(is_ours=False, scenarios=scenarios)
    try:
        yield ours, aiohttps
    finally:
        ours.close()
        aiohttps.close()


@given(st.lists(requests(), min_size=1, max_size=4), st.data())
@example([PAY, PAY], None)
@example([PAY + PAY], None)
def test_the_same_to_the_byte(sent: list[bytes], data: st.DataObject | None) -> None:
    """Whatever is sent, in one part or in two: the replies, the end, and the journal."""
    with both() as ways:
        made = ways[0].say(ways[0].wire(), PAY)
        assert made == ways[1].say(ways[1].wire(), PAY)
        payment_id = made.raw.partition(b'"id":"')[2].partition(b'"')[0]
        wires = [way.wire() for way in ways]
        for each in sent:
            request = each.replace(b"{id}", payment_id)
            cut = 0 if data is None else data.draw(st.integers(0, len(request)))
            parts = [part for part in (request[:cut], request[cut:]) if part]
            heard = [way.say(wire, *parts) for way, wire in zip(ways, wires, strict=True)]
            assert heard[0] == heard[1]

        assert ways[0].journal() == ways[1].journal()


@pytest.mark.parametrize("line", LINES)
def test_any_line_more(line: bytes) -> None:
    """Beside those of every plain request, on a connection of its own."""
    with both() as ways:
        for request in PLAIN:
            more = request._replace(lines=(*request.lines, line)).raw()
            heard = [way.say(way.wire(), more) for way in ways]
            assert heard[0] == heard[1]

        assert ways[0].journal() == ways[1].journal()


@pytest.mark.parametrize("card", [card.number for card in MAGIC_CARDS])
def test_any_magic_card(card: str) -> None:
    """Its payment is made once, and its fault is the same one, whoever read the request."""
    pay = PAYMENT.replace(b"4111111111111111", card.encode())
    with both() as ways:
        for each in (PAY, PLAIN[0]._replace(body=pay).raw(), PAY):
            wires = [way.wire() for way in ways]
            heard = [way.say(wire, each) for way, wire in zip(ways, wires, strict=True)]
            assert heard[0] == heard[1]
            for way in ways:
                way.wait(5)
            late = [way.say(wire, LIST) for way, wire in zip(ways, wires, strict=True)]
            assert late[0] == late[1]

        assert ways[0].journal() == ways[1].journal()


@pytest.mark.parametrize("name", sorted(each.stem for each in LIBRARY.glob("*.yaml")))
def test_any_scenario_of_the_library(name: str) -> None:
    """Its rules answer, delay, fault and tell of the calls as ever."""
    with both(scenarios=(name,)) as ways:
        for request in (*PLAIN, *PLAIN):
            wires = [way.wire() for way in ways]
            asked = request.raw().replace(b"{id}", b"pay_1")
            heard = [way.say(wire, asked) for way, wire in zip(ways, wires, strict=True)]
            assert heard[0] == heard[1]
            for way in ways:
                way.wait(5)

        assert ways[0].journal() == ways[1].journal()
