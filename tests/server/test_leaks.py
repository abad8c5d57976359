"""Tests that no output has a card number or a security code, wherever they were sent."""

import html
import json
import logging
import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import partial
from itertools import cycle
from typing import Any
from urllib.parse import quote, quote_plus, unquote

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
    written,
)

NUMBERS = [card.number for card in MAGIC_CARDS]
SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda number: number,
    "spaces": lambda number: in_groups(number, " "),
    "dashes": lambda number: in_groups(number, "-"),
    "a sentence": lambda number: f"my card is {number}, thanks",
}


def _apart(blank: str, number: str) -> str:
    return in_groups(number, blank)


def create(**changes: object) -> Callable[[str], Call]:
    """Return a create whose field holds what is sent; `SENT` stands for it."""
    return lambda sent: call_of("create_payment", _filled(documented_create(**changes), sent))


def refund(**changes: object) -> Callable[[str], Call]:
    """Return a refund of the world's first payment, in the same way."""
    return lambda sent: call_of(
        "create_refund", _filled(documented_refund(**changes), sent), payment_id=FIRST
    )


def listing(*, encoded: Callable[[str], str]) -> Callable[[str], Call]:
    """Return a list whose query holds what is sent."""
    return lambda sent: call_of("list_payments", query=f"customer_id={encoded(sent)}")


def elsewhere(path: str, *, encoded: Callable[[str], str] = quote) -> Callable[[str], Call]:
    """Return a call of a path that does not exist."""
    return lambda sent: Call(None, "GET", path + encoded(sent), (AUTHORIZATION,))


def with_header(sent: str) -> Call:
    """Return a list with a custom header."""
    return call_of("list_payments", headers=(AUTHORIZATION, (b"X-Card", sent.encode())))


def with_header_name(sent: str) -> Call:
    """Return a list with a header of this name."""
    return call_of("list_payments", headers=(AUTHORIZATION, (sent.encode(), b"x")))


def with_key(sent: str) -> Call:
    """Return a create with a field of this name."""
    return call_of("create_payment", {**documented_create(), sent: 1})


def with_number(sent: str) -> Call:
    """Return a create with a number in place of a text."""
    digits = "".join(filter(str.isdigit, sent))
    return call_of("create_payment", {**documented_create(), "description": int(digits)})


def broken(text: str) -> Callable[[str], Call]:
    """Return a create whose body is not JSON."""
    return lambda sent: call_of("create_payment", text.replace("SENT", sent).encode())


FIRST = new_world().ledger.payments.next_id()
POSITIONS: dict[str, Callable[[str], Call]] = {
    "description": create(description="SENT"),
    "customer_id": create(customer_id="SENT"),
    "currency": create(currency="SENT"),
    "type": create(type="SENT"),
    "amount": create(amount="SENT"),
    "card_number": create(card_number="SENT"),
    "an expired card": create(card_number="SENT", exp_year=2020),
    "cvc": create(cvc="SENT"),
    "exp_year": create(exp_year="SENT"),
    "an unknown field": create(note="SENT"),
    "a misspelt field": create(cardNumber="SENT"),
    "a list": create(note=["SENT", {"deep": ["SENT"]}]),
    "a key": with_key,
    "a number": with_number,
    "a list as the body": lambda sent: call_of("create_payment", [sent]),
    "a string as the body": lambda sent: call_of("create_payment", sent),
    "reason": refund(reason="SENT"),
    "a refund's description": refund(description="SENT"),
    "a refund's amount": refund(amount="SENT"),
    "a payment id": lambda sent: call_of("create_refund", {}, payment_id=sent),
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
    "a header name": with_header_name,
    "broken JSON": broken('{"payment_method": {"card_number": "SENT", "cvc": "8731"'),
    "a form": broken("card_number=SENT&cvc=8731&x=1"),
    "a method": lambda sent: Call(None, sent, "/v3/payments", (AUTHORIZATION,), allow="GET,POST"),
    "bytes": lambda sent: call_of("create_payment", b"\xff" + sent.encode()),
}


@pytest.mark.parametrize("position", POSITIONS)
def test_no_output_contains_a_card_number_wherever_it_was_sent(
    position: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Not the reply, the journal, the log, the events, the snapshot or the world's name."""
    caplog.set_level(logging.DEBUG)
    desk = InProcessApi(new_world())
    desk.ask("create_payment", documented_create())
    said = [
        status_and_json(desk.answer(POSITIONS[position](spell(number))))
        for spell, number in zip(cycle(SPELLINGS.values()), NUMBERS, strict=False)
    ]

    assert (
        leaks([said, *all_outputs(desk.world), *all_outputs(desk.twin().world), caplog.text]) == []
    )
    assert len(desk.world.journal) == len(NUMBERS) + 1


def _each(number: str, form: Callable[[str], str]) -> str:
    """Return the number with each digit written in another form."""
    return "".join(map(form, number))


FORTY: dict[str, Callable[[str], str]] = {
    **SPELLINGS,
    **{
        f"between {blank!a}": partial(_apart, blank)
        for blank in (
            "\t", "  ", "    ", " - ", ".", "_", "/", "|", ":", ",", ", ", ";", "+", "\n", "\r\n",
            "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}", "\N{IDEOGRAPHIC SPACE}",
            "\N{ZERO WIDTH SPACE}", "\N{WORD JOINER}", "\N{SOFT HYPHEN}", "\N{EN DASH}",
            "\N{MINUS SIGN}", "\N{MIDDLE DOT}", "\N{KATAKANA MIDDLE DOT}",
            "\N{VARIATION SELECTOR-16}", "\N{FULLWIDTH HYPHEN-MINUS}",
        )
    },
    "single digits": " ".join,
    "keycaps": lambda number: _each(number, lambda digit: f"{digit}\ufe0f\u20e3"),
    "full width": lambda number: _each(number, lambda digit: chr(0xFF10 + int(digit))),
    "arabic": lambda number: _each(number, lambda digit: chr(0x660 + int(digit))),
    "percent signs": lambda number: _each(number, lambda digit: f"%3{digit}"),
    "percent signs twice": lambda number: _each(number, lambda digit: f"%253{digit}"),
    "behind an encoded blank": lambda number: f"a%20{number}",
    "escapes of JSON": lambda number: _each(number, lambda digit: rf"\u003{digit}"),
    "escaped tabs": lambda number: in_groups(number, r"\t"),
    "entities": lambda number: _each(number, lambda digit: f"&#{48 + int(digit)};"),
    "with its expiry": lambda number: f"{number}12/34",
    "with expiry and code": lambda number: f"{number} 12/34 987",
    "touched by letters": lambda number: f"x{number}y",
}  # fmt: skip


def revealed(outputs: Iterable[object], numbers: Iterable[str]) -> list[str]:
    """Return the numbers found by decoding the outputs in every known way."""
    text = "\n".join(map(written, outputs))
    for _ in range(4):
        text = html.unescape(unquote(text))
        text = re.sub(r"\\+u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    text = re.sub(r"\\+[tnr]", " ", unicodedata.normalize("NFKC", text))
    text = text.translate({ord(sign): str(unicodedata.digit(sign, sign)) for sign in set(text)})
    plain = re.sub(r"[^\w*]|_", "", text)
    return sorted({number for number in numbers if number in text or number in plain})


def test_the_search_for_leaks_finds_each_of_forty_spellings_if_unmasked() -> None:
    """Otherwise finding nothing would prove nothing."""
    number = NUMBERS[0]
    assert len(FORTY) >= 40
    for spell in FORTY.values():
        assert revealed([{"a": spell(number)}], NUMBERS) == [number]
        assert revealed([spell(number)], NUMBERS) == [number]


@pytest.mark.parametrize("position", POSITIONS)
def test_no_api_output_contains_a_card_number_in_any_of_forty_spellings(
    position: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Each with a different number, in one world."""
    caplog.set_level(logging.DEBUG)
    desk = InProcessApi(new_world())
    desk.ask("create_payment", documented_create())
    said = [
        status_and_json(desk.answer(POSITIONS[position](spell(number))))
        for spell, number in zip(FORTY.values(), cycle(NUMBERS), strict=False)
    ]

    everything = [said, *all_outputs(desk.world), *all_outputs(desk.twin().world), caplog.text]
    assert revealed(everything, NUMBERS) == []


CODES: dict[str, Callable[[str], Call]] = {
    "cvc": create(cvc="SENT"),
    "of a bad card": create(cvc="SENT", exp_year=2020),
    "of an unknown card": create(cvc="SENT", card_number="4111111111111112"),
    "as a number": lambda sent: call_of("create_payment", documented_create(cvc=int(sent))),
    "in a list": create(cvc=["SENT"]),
    "in an object": create(cvc={"value": "SENT"}),
    "cvv": create(cvv="SENT"),
    "CVC": create(CVC="SENT"),
    "cvn": create(cvn="SENT"),
    "cid": create(cid="SENT"),
    "verification_value": create(verification_value="SENT"),
    "card_verification_code": create(card_verification_code="SENT"),
    "cardVerificationValue": create(cardVerificationValue="SENT"),
    "card.security code": lambda sent: call_of(
        "create_payment", {**documented_create(), "card[security code]": sent}
    ),
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
    "in an encoded name": lambda sent: call_of("list_payments", query=f"cvc%3D{sent}&x=1"),
    "in a name that is encoded twice": lambda sent: call_of(
        "list_payments", query=f"cvc%253D{sent}&x=1"
    ),
    "in a header of the shop": lambda sent: call_of(
        "list_payments", headers=(AUTHORIZATION, (b"X-Payment-Cvc", sent.encode()))
    ),
    "in a header": lambda sent: call_of(
        "list_payments", headers=(AUTHORIZATION, (b"Cvc", sent.encode()))
    ),
}


@pytest.mark.parametrize("number", ["4111111111111111", "378282246310005"])
@pytest.mark.parametrize("position", CODES)
def test_no_output_contains_a_security_code(
    position: str, number: str, caplog: pytest.LogCaptureFixture
) -> None:
    """However its field is spelt, and whatever the result of the call."""
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


def test_the_search_for_leaks_finds_unmasked_numbers_and_codes() -> None:
    number = NUMBERS[0]
    spelt = [spell(number) for spell in SPELLINGS.values()]
    spelt += [json.dumps({"a": [number]}), repr(number), in_groups(number, "+")]
    codes = ['{"cvc": "8731"}', "{'cvc': '873'}", '{"cvc": 8731}', "cvc=8731&x"]

    assert [leaks([text]) for text in spelt] == [[number]] * len(spelt)
    assert codes_in(codes) == codes
    assert leaks(["pay_4111111111111112 1894708800000"]) == []


def _filled(body: dict[str, Any], sent: str) -> object:
    """Return the body with what is sent in each placeholder."""
    return json.loads(json.dumps(body).replace('"SENT"', json.dumps(sent)))
