"""Holds every output to silence: no card number and no security code, wherever they were sent."""

import json
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from payments_sandbox.api.call import Call
from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from tests.support.in_process import (
    AUTHORIZATION,
    InProcessApi,
    all_outputs,
    call_of,
    new_world,
    status_and_json,
)
from tests.support.values import (
    CVC4,
    codes_in,
    documented_create,
    documented_refund,
    in_groups,
    leaks,
)

NUMBERS = [card.number for card in MAGIC_CARDS]
SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda number: number,
    "spaces": lambda number: in_groups(number, " "),
    "dashes": lambda number: in_groups(number, "-"),
    "a sentence": lambda number: f"my card is {number}, thanks",
}


def create(**changes: object) -> Callable[[str], Call]:
    """A create whose field holds what is sent; `SENT` stands for it."""
    return lambda sent: call_of("create_payment", _filled(documented_create(**changes), sent))


def refund(**changes: object) -> Callable[[str], Call]:
    """A refund of the world's first payment, in the same way."""
    return lambda sent: call_of(
        "create_refund", _filled(documented_refund(**changes), sent), payment_id=FIRST
    )


def listing(*, encoded: Callable[[str], str]) -> Callable[[str], Call]:
    """A list whose query holds what is sent."""
    return lambda sent: call_of("list_payments", query=f"customer_id={encoded(sent)}")


def elsewhere(path: str, *, encoded: Callable[[str], str] = quote) -> Callable[[str], Call]:
    """A path that does not exist."""
    return lambda sent: Call(None, "GET", path + encoded(sent), (AUTHORIZATION,))


def with_header(sent: str) -> Call:
    """A list with a header of the client's own."""
    return call_of("list_payments", headers=(AUTHORIZATION, (b"X-Card", sent.encode())))


def with_header_name(sent: str) -> Call:
    """A list with a header that is called so."""
    return call_of("list_payments", headers=(AUTHORIZATION, (sent.encode(), b"x")))


def with_key(sent: str) -> Call:
    """A create with a field that is called so."""
    return call_of("create_payment", {**documented_create(), sent: 1})


def with_number(sent: str) -> Call:
    """A create with a number where a text belongs."""
    digits = "".join(filter(str.isdigit, sent))
    return call_of("create_payment", {**documented_create(), "description": int(digits)})


def broken(text: str) -> Callable[[str], Call]:
    """A create whose body is no JSON."""
    return lambda sent: call_of("create_payment", text.replace("SENT", sent).encode())


FIRST = new_world().ledger.payments.next_id()
POSITIONS: dict[str, Callable[[str], Call]] = {
    "description": create(description="SENT"),
    "customer_id": create(customer_id="SENT"),
    "currency": create(currency="SENT"),
    "type": create(type="SENT"),
    "amount": create(amount="SENT"),
    "card_number": create(card_number="SENT"),
    "a bad card": create(card_number="SENT", exp_year=2020),
    "cvc": create(cvc="SENT"),
    "exp_year": create(exp_year="SENT"),
    "an unknown field": create(note="SENT"),
    "a wrong key": create(cardNumber="SENT"),
    "a list": create(note=["SENT", {"deep": ["SENT"]}]),
    "a key": with_key,
    "a number": with_number,
    "no object": lambda sent: call_of("create_payment", [sent]),
    "a text alone": lambda sent: call_of("create_payment", sent),
    "reason": refund(reason="SENT"),
    "a refund's description": refund(description="SENT"),
    "a refund's amount": refund(amount="SENT"),
    "a refund of it": lambda sent: call_of("create_refund", {}, payment_id=sent),
    "payment_id": lambda sent: call_of("retrieve_payment", payment_id=quote(sent)),
    "a query": listing(encoded=quote),
    "a query with plus": listing(encoded=quote_plus),
    "a query in hexadecimal": listing(encoded=lambda sent: "".join(f"%{ord(c):02x}" for c in sent)),
    "a parameter": lambda sent: call_of("list_payments", query=f"{quote_plus(sent)}=1"),
    "a cursor": lambda sent: call_of("list_payments", query=f"starting_after={quote(sent)}"),
    "a date": lambda sent: call_of("list_payments", query=f"created_after={quote(sent)}"),
    "an unknown path": elsewhere("/v3/"),
    "a path with a slash": elsewhere("/v3/", encoded=lambda sent: f"{quote(sent)}/"),
    "a path with dots": elsewhere("/v3/payments/x/", encoded=lambda sent: sent.replace(" ", ".")),
    "a header": with_header,
    "a header's name": with_header_name,
    "broken JSON": broken('{"payment_method": {"card_number": "SENT", "cvc": "8731"'),
    "no JSON": broken("card_number=SENT&cvc=8731&x=1"),
    "bytes": lambda sent: call_of("create_payment", b"\xff" + sent.encode()),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("position", POSITIONS)
def test_no_output_holds_a_card_number(
    position: str, spelling: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Not the reply, the journal, the log, the events, the snapshot or the world's own name."""
    caplog.set_level(logging.DEBUG)
    desk = InProcessApi(new_world())
    desk.ask("create_payment", documented_create())
    said = [
        status_and_json(desk.answer(POSITIONS[position](SPELLINGS[spelling](number))))
        for number in NUMBERS
    ]

    assert (
        leaks([said, *all_outputs(desk.world), *all_outputs(desk.twin().world), caplog.text]) == []
    )
    assert len(desk.world.journal) == len(NUMBERS) + 1


CODES: dict[str, Callable[[str], Call]] = {
    "cvc": create(cvc="SENT"),
    "of a bad card": create(cvc="SENT", exp_year=2020),
    "of an unknown card": create(cvc="SENT", card_number="4111111111111112"),
    "as a number": lambda sent: call_of("create_payment", documented_create(cvc=int(sent))),
    "in a list": create(cvc=["SENT"]),
    "in an object": create(cvc={"value": "SENT"}),
    "cvv": create(cvv="SENT"),
    "CVC": create(CVC="SENT"),
    "security-code": lambda sent: call_of(
        "create_payment", {**documented_create(), "security-code": sent}
    ),
    "in broken JSON": broken('{"card_number": "4111111111111111", "cvc": "SENT", '),
    "in a form": broken("card_number=4111111111111111&cvc=SENT&x=1"),
    "in a query": lambda sent: call_of("list_payments", query=f"cvc={sent}&x=1"),
    "in a query of another": lambda sent: call_of(
        "create_payment", documented_create(), query=f"card[cvc]={sent}&x=1"
    ),
    "in an unknown path": elsewhere("/v3/x?cvc=", encoded=lambda sent: f"{sent}&x=1"),
    "in a header": lambda sent: call_of(
        "list_payments", headers=(AUTHORIZATION, (b"Cvc", sent.encode()))
    ),
}


@pytest.mark.parametrize("number", ["4111111111111111", "378282246310005"])
@pytest.mark.parametrize("position", CODES)
def test_no_output_holds_a_security_code(
    position: str, number: str, caplog: pytest.LogCaptureFixture
) -> None:
    """However its field is spelt, and whatever becomes of the call."""
    caplog.set_level(logging.DEBUG)
    desk = InProcessApi(new_world())
    call = CODES[position](CVC4)
    assert isinstance(call.body, bytes)
    call.body = call.body.replace(b"4111111111111111", number.encode())
    said = status_and_json(desk.answer(call))

    assert (
        codes_in([said, *all_outputs(desk.world), *all_outputs(desk.twin().world), caplog.text])
        == []
    )


def test_the_search_finds_what_it_looks_for() -> None:
    """Each spelling of a number, and each form of a code."""
    number = NUMBERS[0]
    spelt = [spell(number) for spell in SPELLINGS.values()]
    spelt += [json.dumps({"a": [number]}), repr(number), in_groups(number, "+")]
    codes = ['{"cvc": "8731"}', "{'cvc': '873'}", '{"cvc": 8731}', "cvc=8731&x"]

    assert [leaks([text]) for text in spelt] == [[number]] * len(spelt)
    assert codes_in(codes) == codes
    assert leaks(["pay_4111111111111112 1894708800000"]) == []


def _filled(body: dict[str, Any], sent: str) -> object:
    """The body with what is sent in each place that waits for it."""
    return json.loads(json.dumps(body).replace('"SENT"', json.dumps(sent)))
