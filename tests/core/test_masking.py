"""Tests that masking leaves no card number in a text, and alters nothing else."""

import re
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from payments_sandbox.core.card_numbers import brand_of, passes_luhn
from payments_sandbox.core.masking import (
    contains_card_number,
    headers_by_name,
    is_credential,
    mask_body,
    mask_content,
    mask_header,
    mask_headers,
    mask_json,
    mask_number,
    mask_snapshot_text,
    mask_target,
    mask_text,
    masking,
)
from payments_sandbox.core.slices import SLICE, finish
from tests.support.tables import for_each
from tests.support.values import in_groups

TEXT_KEPT = 2_048

VISA, CVC = "4111111111111111", "8731"
HIDDEN = "************1111"
FULL_WIDTH = "".join(chr(ord(digit) - ord("0") + 0xFF10) for digit in VISA)
ARABIC = "".join(chr(ord(digit) - ord("0") + 0x660) for digit in VISA)
BLANKS = (
    " ", "  ", "   ", " - ", "\t", "-", "--", ".", "_", "/", "\N{NO-BREAK SPACE}", "\N{EM SPACE}",
    "\N{THIN SPACE}", "\N{NARROW NO-BREAK SPACE}", "\N{IDEOGRAPHIC SPACE}", "\N{ZERO WIDTH JOINER}",
    "\N{ZERO WIDTH NO-BREAK SPACE}", "\N{SOFT HYPHEN}", "\N{HYPHEN}", "\N{NON-BREAKING HYPHEN}",
    "\N{FIGURE DASH}", "\N{EN DASH}", "\N{EM DASH}", "\N{MINUS SIGN}", "\N{MIDDLE DOT}",
    "\N{FULLWIDTH HYPHEN-MINUS}", "\N{FULLWIDTH SOLIDUS}", "\N{WORD JOINER}",
    "\N{KATAKANA MIDDLE DOT}", "\N{VARIATION SELECTOR-16}",
)  # fmt: skip
MASKED = {
    VISA: "************1111",
    "4111 1111 1111 1111": "**** **** **** 1111",
    "4111-1111-1111-1111": "****-****-****-1111",
    "4111.1111.1111.1111": "****.****.****.1111",
    "3782 822463 10005": "**** ****** *0005",
    "3056 930902 5904": "**** ****** 5904",
    "card 4111111111111111, thanks": "card ************1111, thanks",
    "x4111111111111111y": "x************1111y",
    "no 12 4111111111111111 34": "no 12 ************1111 34",
    "4111111111111111 5555555555554444": "************1111 ************4444",
    "4111111111111111,5555555555554444": "************1111,************4444",
    "4012 4111 1111 1111 1111": "4012 **** **** **** 1111",
    "4111  1111  1111  1111": "****  ****  ****  1111",
    "4111 - 1111 - 1111 - 1111": "**** - **** - **** - 1111",
    "4111/1111/1111/1111": "****/****/****/1111",
    "4111_1111_1111_1111": "****_****_****_1111",
    "4111\t1111\t1111\t1111": "****\t****\t****\t1111",
    "pay_4111111111111111": "pay_************1111",
    "4111\N{NO-BREAK SPACE}1111 1111 1111": "****\N{NO-BREAK SPACE}**** **** 1111",
    "4\N{ZERO WIDTH SPACE}111111111111111": "*\N{ZERO WIDTH SPACE}***********1111",
    FULL_WIDTH: "*" * 12 + FULL_WIDTH[-4:],
    ARABIC: "*" * 12 + ARABIC[-4:],
    "caf\u00e9 4111111111111111": "caf\u00e9 ************1111",
    "4111    1111    1111    1111": "****    ****    ****    1111",
    "4111\n1111\n1111\n1111": "****\n****\n****\n1111",
    "4111, 1111, 1111, 1111": "****, ****, ****, 1111",
    "4111:1111:1111:1111": "****:****:****:1111",
    "4111|1111|1111|1111": "****|****|****|1111",
    "4111+1111+1111+1111": "****+****+****+1111",
    "(4111) [1111] {1111} <1111>": "(****) [****] {****} <1111>",
    "3782; 822463; 10005": "****; ******; *0005",
    "3056; 930902; 5904": "****; ******; 5904",
    "4,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1": "*,*,*,*,*,*,*,*,*,*,*,*,*,*,1,1",
    "4\ufe0f\u20e3" + "1\ufe0f\u20e3" * 15: "*\ufe0f\u20e3" * 14 + "1\ufe0f\u20e3" * 2,
    "4111\u30fb1111\u30fb1111\u30fb1111": "****\u30fb****\u30fb****\u30fb1111",
    "411111111111111112/34": "************111112/34",
    "4111111111111111123": "************1111123",
    "4111 1111 1111 111112/34 987": "**** **** **** 111112/34 987",
    "41111111111111111234987": "************11111234987",
    "a%204111111111111111": "a ************1111",
    "a%25204111111111111111": "a ************1111",
    "%34%31%31%31111111111111": "************1111",
    "4111%C2%A01111%20%201111%0A1111": "****\N{NO-BREAK SPACE}****  ****\n1111",
    r"\u0034\u0031\u0031\u0031111111111111": "************1111",
    r"4111\t1111\t1111\t1111": "**** **** **** 1111",
    r"4111\/1111\/1111\/1111": r"****\/****\/****\/1111",
    "&#52;111111111111111": "************1111",
    "&#x34;111111111111111": "************1111",
}
UNTOUCHED = (
    "",
    "Payment for order #12345",
    "2030-01-15T10:30:00Z",
    "411111111111",
    "order 123456789012",
    "4111111111111112",
    "1111111111111111",
    "0000000000000000",
    "94111111111111111",
    "pay_4111111111111112",
    "2030/01/15 10.30 2030/01/16 11.30",
    "10:30:00, 10:31:00, 10:32:00, 10:33:00",
    "41, 11, 11, 11, 11, 11, 11, 11",
    "[5, 10, 20, 4111, 25, 300, 4000]",
    "4111111111111111130",
    "41111111111111111",
    r"\ud834 \u12 &#; &#9999999999; %zz %",
    "+49 170 1234567, +49 30 1234567",
    "8e0c4111-1111-4111-8111-111111111111",
    "\N{ARABIC-INDIC DIGIT FOUR}" * 16,
    "\N{SUPERSCRIPT FOUR}" + "1" * 15,
)
NUMBERS = st.sampled_from([VISA, "378282246310005", "5555555555554444", "6011111111111117"])
PIECES = (
    st.text("0123456789", min_size=1, max_size=6)
    | NUMBERS
    | st.sampled_from([" ", "x", "--", ", ", ":", "4111", "11111234"])
)


@for_each("text", MASKED)
def test_a_card_number_in_a_text_is_masked_except_its_last_four_digits(text: str) -> None:
    """With the usual separators, among words, next to other numbers."""
    assert mask_text(text) == MASKED[text]


@for_each("blank", BLANKS, show=ascii)
def test_a_card_number_in_separated_groups_is_masked(blank: str) -> None:
    """Up to three separators between groups."""
    assert (
        mask_text(f"my {in_groups(VISA, blank)}.") == f"my {in_groups('*' * 12 + '1111', blank)}."
    )


@for_each("text", UNTOUCHED, show=ascii)
def test_other_numbers_in_a_text_are_not_masked(text: str) -> None:
    """Short numbers, dates, ids and invalid card numbers."""
    assert mask_text(text) == text


@given(st.lists(PIECES, max_size=12), st.sampled_from(["", *BLANKS]))
@example(["4012", in_groups(VISA, " ")], " ")
def test_masking_hides_the_same_digits_as_a_naive_implementation(
    pieces: list[str], separator: str
) -> None:
    """Which tries every stretch of whole groups."""
    text = separator.join(pieces)

    assert mask_text(text) == _naive(text)


@given(st.lists(PIECES, max_size=12))
def test_masking_a_masked_text_only_hides_more(pieces: list[str]) -> None:
    """A snapshot masks what the journal has masked."""
    once = mask_text(" ".join(pieces))
    twice = mask_text(once)

    for sign, other in zip(once, twice, strict=True):
        assert other == sign or (sign.isdigit() and other == "*")


@for_each(
    ("number", "shown"),
    [
        ("", ""),
        ("123", "***"),
        ("411111111111", "************"),
        ("4111111111111", "*********1111"),
        (VISA, "************1111"),
        ("4111-1111-1111-1111", "****-****-****-1111"),
        (FULL_WIDTH, "*" * 12 + FULL_WIDTH[-4:]),
        ("************1111", "************1111"),
        ("not a number at all", "not a number at all"),
        ("4111111111111111 cvc 123", "**************** cvc ***"),
    ],
)
def test_every_value_of_a_card_number_field_is_masked(number: str, shown: str) -> None:
    """Valid or not; only a long number shows its last four digits."""
    assert mask_number(number) == shown


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111111 " * 4_000,
        "4111111111111112 " * 4_000,
        "1 " * 32_000,
        "1" * 64_000,
        "4" * 19 + "-" + "4" * 63_000,
        "4111 " * 12_000,
        "12345 4." * 8_000,
        "4   " * 16_000,
        "41 - " * 12_000,
        "4    " * 12_000,
        "4\u3000" * 32_000,
        FULL_WIDTH * 4_000,
        "4111 1111 1111 111x" * 3_000,
        " ._/-\t" * 10_000,
    ],
    ids=lambda text: ascii(text[:20]),
)
def test_masking_a_hostile_text_checks_at_most_four_numbers_per_character(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    def counted(number: str) -> bool:
        nonlocal looks
        looks += 1
        return passes_luhn(number)

    monkeypatch.setattr("payments_sandbox.core.card_numbers.passes_luhn", counted)

    assert len(mask_text(text)) == len(text)
    assert looks <= 4 * len(text)


def test_every_card_number_of_a_long_text_is_masked() -> None:
    assert mask_text(f"{VISA} " * 1_000) == "************1111 " * 1_000


def _naive(text: str) -> str:
    shown = list(text)
    sign = "[" + re.escape("".join(BLANKS)) + "]"
    for stretch in re.finditer(r"[0-9]+(?:(?:[^\w*]|_){1,16}[0-9]+)*", text):
        groups = [group.span() for group in re.finditer("[0-9]+", stretch[0])]
        for first, (start, _) in enumerate(groups):
            for last, (begin, end) in enumerate(groups[first:], first):
                between = re.findall("[^0-9]+", stretch[0][start:end])
                sizes = [end - start for start, end in groups[first : last + 1]]
                is_close = all(re.fullmatch(f"{sign}{{1,3}}", each) for each in between)
                if is_close or sizes in ([4, 6, 5], [4, 6, 4]) or _is_even(sizes):
                    for stop in range(begin + 1, end + 1):
                        digits = re.sub("[^0-9]", "", stretch[0][start:stop])
                        rest = stretch[0][stop:end]
                        is_alone = not rest or re.fullmatch(r"(0[1-9]|1[0-2])\d{0,6}", rest)
                        if len(digits) < 20 and is_alone and _is_card(digits):
                            hidden = range(stretch.start() + start, stretch.start() + stop - 4)
                            for place in hidden:
                                shown[place] = "*" if text[place].isdigit() else text[place]
    return "".join(shown)


def _is_even(sizes: list[int]) -> bool:
    return len(sizes) > 1 and {sizes[0]} == set(sizes[:-1]) - {2} and sizes[-1] <= sizes[0]


def _is_card(digits: str) -> bool:
    return brand_of(digits) is not None and passes_luhn(digits)


HEADERS: dict[str, tuple[list[tuple[bytes, bytes]], dict[str, str]]] = {
    "plain": ([(b"Host", b"localhost")], {"Host": "localhost"}),
    "an API key": (
        [(b"Authorization", b"Bearer sk_test_sandbox")],
        {"Authorization": "Bearer sk_test_…"},
    ),
    "another credential": (
        [(b"AUTHORIZATION", b"Basic c2s6"), (b"Cookie", b"a=b"), (b"sandbox-token", b"t")],
        {"AUTHORIZATION": "…", "Cookie": "…", "sandbox-token": "…"},
    ),
    "a card number": ([(b"X-Card", VISA.encode())], {"X-Card": HIDDEN}),
    "a card number as a name": ([(VISA.encode(), b"x")], {HIDDEN: "x"}),
    "a security code": (
        [(b"CVC", b"8731"), (b"X-Card-Cvc", b"873")],
        {"CVC": "****", "X-Card-Cvc": "***"},
    ),
    "an invalid card number": ([(b"x-card-number", b"411111")], {"x-card-number": "******"}),
    "a referrer": (
        [(b"Referer", b"http://shop.test/pay?cvc=8731&step=2")],
        {"Referer": "http://shop.test/pay?cvc=****&step=2"},
    ),
    "a repeated header": ([(b"Via", b"a"), (b"Via", b"b")], {"Via": "a, b"}),
    "invalid UTF-8": ([(b"X-Bytes", b"\xff\xc3\xa9")], {"X-Bytes": "\N{REPLACEMENT CHARACTER}é"}),
}


@for_each("case", HEADERS)
def test_credentials_and_card_data_in_headers_are_masked(case: str) -> None:
    """Repeated headers are joined."""
    lines, shown = HEADERS[case]

    assert mask_headers(lines) == shown
    kept = [(name.encode(), value.encode()) for name, value in shown.items()]
    assert mask_headers(kept) == shown, "a snapshot's headers are shown the same"


BODIES: dict[str, tuple[object, object]] = {
    "a text": ({"description": f"my {VISA}"}, {"description": f"my {HIDDEN}"}),
    "a card number": ({"card_number": VISA}, {"card_number": HIDDEN}),
    "a wrong card number": ({"card_number": VISA + "2"}, {"card_number": "*" * 13 + "1112"}),
    "a short card number": ({"number": "411111"}, {"number": "******"}),
    "a security code": ({"cvc": CVC}, {"cvc": "****"}),
    "an empty security code": ({"cvv2": ""}, {"cvv2": ""}),
    "a security code as a number": ({"cvv": 8731}, {"cvv": "***"}),
    "a card number as a number": ({"pan": 4111111111111111}, {"pan": "***"}),
    "a fraction as a card number": ({"number": Decimal("1.5")}, {"number": "***"}),
    "a number under any key": ({"x": 4111111111111111}, {"x": HIDDEN}),
    "a fraction that holds one": ({"x": Decimal("4111111111111111.5")}, {"x": f"{HIDDEN}.5"}),
    "other numbers": ({"amount": 2500, "x": Decimal("1.5")}, {"amount": 2500, "x": 1.5}),
    "a list": ({"cvc": [CVC, 8731], "x": [VISA]}, {"cvc": "***", "x": [HIDDEN]}),
    "a number as a key": ({VISA: 1}, {HIDDEN: 1}),
    "null and booleans": ({"cvc": None, "x": True, "y": None},) * 2,
    "a list of objects": ([{"cvc": CVC}], [{"cvc": "****"}]),
    "a single string": (VISA, HIDDEN),
    "a code inside": ({"cvc": {"value": CVC}}, {"cvc": "***"}),
    "a number inside": ({"card_number": {"value": "411111"}}, {"card_number": "***"}),
    "a path as a key": (
        {"card[cvc]": CVC, "card.pan": "41"},
        {"card[cvc]": "****", "card.pan": "**"},
    ),
    "keys without a word": ({"": CVC, "[]": CVC}, {"": CVC, "[]": CVC}),
    "other spellings": (
        {"CVC": CVC, "Security-Code": CVC, "cvcCode": CVC, "cardNumber": "41", "csc": CVC}
        | {"cvNumber": CVC, "cv_value": CVC, "cv": "mine"},
        {
            "CVC": "****",
            "Security-Code": "****",
            "cvcCode": "****",
            "cardNumber": "**",
            "csc": "****",
            "cvNumber": "****",
            "cv_value": "****",
            "cv": "mine",
        },
    ),
}


@for_each("case", BODIES)
def test_card_numbers_and_security_codes_in_a_json_body_are_masked(case: str) -> None:
    """Whatever type of value holds them, under any spelling of the key."""
    value, shown = BODIES[case]

    assert mask_json(value) == shown
    assert mask_json(shown) == shown


TARGETS = {
    "/v3/payments": "/v3/payments",
    "/v3/payments?limit=20&starting_after=pay_1": "/v3/payments?limit=20&starting_after=pay_1",
    "/v3/payments?customer_id=a%26b+c": "/v3/payments?customer_id=a%26b+c",
    "/v3/payments?cvc": "/v3/payments?cvc",
    "/v3/payments?=1&&a==b": "/v3/payments?=1&&a==b",
    "/v3/payments?cvc=8731&limit=20": "/v3/payments?cvc=****&limit=20",
    "/v3/payments?limit=20;CVV2=8731": "/v3/payments?limit=20;CVV2=****",
    "/v3/payments?cvc=87%331&customer_id=a%26b": "/v3/payments?cvc=****&customer_id=a%26b",
    "/v3/payments?%63vc=8731": "/v3/payments?cvc=****",
    "/v3/payments?cvc%3D8731": "/v3/payments?cvc=****",
    "/v3/payments?payment_method[cvc]=8731": "/v3/payments?payment_method[cvc]=****",
    "/v3/payments?card.security-code=8731": "/v3/payments?card.security-code=****",
    "/v3/payments?security+code=8731": "/v3/payments?security+code=****",
    "/v3/payments?number=411111": "/v3/payments?number=******",
    "/v3/payments?pan=4111111111111112": "/v3/payments?pan=************1112",
    "/v3/payments/cvc=8731/refunds": "/v3/payments/cvc=****/refunds",
    "/v3/payments;cvc=8731?limit=1": "/v3/payments;cvc=****?limit=1",
    "/v3/payments?x=1%26cvc%3D8731": "/v3/payments?x=1&cvc=****",
    "/v3/payments?next=https%3A%2F%2Fshop%2F%3Fcvc%3D8731": "/v3/payments?next=https://shop/?cvc=****",
    f"/v3/payments/{VISA}": f"/v3/payments/{HIDDEN}",
    "/v3/payments?x=4111+1111+1111+1111": "/v3/payments?x=**** **** **** 1111",
    "/v3/payments/4111111111+111111": "/v3/payments/********** **1111",
}


@for_each("target", TARGETS)
def test_card_numbers_and_security_codes_in_a_request_target_are_masked(target: str) -> None:
    """In a query or a path, encoded or not, under a nested key or inside another address."""
    shown = TARGETS[target]

    assert mask_target(target) == shown
    assert mask_target(shown) == shown


@pytest.mark.parametrize("text", ["cvc=" * 16_000, "a%26" * 16_000, "&" * 64_000, "x-" * 32_000])
def test_a_long_request_target_is_masked_in_linear_time(text: str) -> None:
    """A quadratic search would take minutes."""
    assert len(mask_target(text)) >= len(text) / 2


TEXTS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", ""),
    "broken JSON": (
        b'{"card_number": "4111111111111111", "cvc": 873, "amount": 25',
        '{"card_number": "****************", "cvc": ***, "amount": 25',
    ),
    "groups": (b"4111-1111-1111-1111", "****-****-****-****"),
    "pairs": (b"41 11 11 11 11 11 11 11", "** ** ** ** ** ** *1 11"),
    "bytes": (b"\xff123", "\N{REPLACEMENT CHARACTER}***"),
    "a long body": (b"x" * TEXT_KEPT + b"y", "x" * TEXT_KEPT),
}


@for_each("case", TEXTS)
def test_every_number_in_a_body_that_is_not_json_is_masked(case: str) -> None:
    """Its start is kept, with every run of three or more digits masked."""
    body, shown = TEXTS[case]

    assert mask_body(body) == shown


@pytest.mark.parametrize("mask", [mask_json, lambda value: mask_body(value.encode())])
def test_a_card_number_at_the_cut_of_a_long_body_is_masked(mask: Callable[[str], object]) -> None:
    text = "x" * (TEXT_KEPT - 8) + VISA

    assert "4111" not in str(mask(text))


CONTENTS: dict[str, tuple[bytes, bytes]] = {
    "JSON with nothing to hide": (b'{"a": 1e2}', b'{"a": 1e2}'),
    "JSON": (b'{"a": "4111111111111111", "cvc": 873}', b'{"a":"************1111","cvc":"***"}'),
    "a repeated key": (b'{"cvc":"873","cvc":"874"}', b'{"cvc":"***","cvc":"***"}'),
    "broken JSON": (b'{"cvc": "873", ', b'{"cvc": "***", '),
    "a form": (b"cvc=873&b=2", b"cvc=***&b=2"),
    "a form that is encoded": (b"a%3D1&cvc%3D873", b"a=1&cvc=***"),
    "a form that hides nothing": (b"a%3D1&b%3D873", b"a%3D1&b%3D873"),
    "XML": (b"<cvc>873</cvc>", b"<cvc>***</cvc>"),
    "a number of a field": (b"PAN: 41-11", b"PAN: **-**"),
    "a short number that may be a code": (b"cid=873 cid=abc", b"cid=*** cid=abc"),
    "an escape": (b'{"a": "\\u0034111111111111111"', b'{"a": "************1111"'),
    "entities": (b"&#52;111111111111111 &#x34;2", b"************1111 42"),
    "escapes of blanks": (b'\\u0034111\\t1111\\n11111111 \\/ \\"', b'**** **** ****1111 / "'),
    "invalid character references": (b"&#99999999999; \\ud800 &#x110000; cvc=8",
                           b"&#99999999999; \\ud800 &#x110000; cvc=*"),
    "invalid UTF-8": (b"\xff{", b"\xef\xbf\xbd{"),
}  # fmt: skip


@for_each("case", CONTENTS)
def test_card_numbers_and_codes_are_masked_in_json_forms_xml_and_other_bodies(case: str) -> None:
    """A body without any is kept unchanged, and a masked one stays as it is."""
    body, kept = CONTENTS[case]

    assert (mask_content(body), mask_content(kept)) == (kept, kept)


KEPT: dict[str, tuple[str, str]] = {
    "few digits": ("{cvc", "{cvc"),
    "a card number": (VISA, HIDDEN),
    "an id": (f"pay_{VISA} and {VISA}", f"pay_{VISA} and {HIDDEN}"),
    "JSON with nothing to hide": ('{"a": 1, "b": "1234567890123"}',) * 2,
    "JSON": (f'{{"a": 1, "b": "{VISA}", "cvc": "873"}}', f'{{"a":1,"b":"{HIDDEN}","cvc":"***"}}'),
    "a number of the world's own": (f"[{VISA}, 1.5]",) * 2,
    "a list": (f'[1.5, {VISA}, "{VISA}", null]', f'[1.5,{VISA},"{HIDDEN}",null]'),
    "invalid JSON": (f"{{{VISA}", f"{{{HIDDEN}"),
}


@for_each("case", KEPT)
def test_card_numbers_in_the_texts_of_a_snapshot_are_masked_except_in_ids(case: str) -> None:
    """JSON is parsed; sixteen digits of an id are not a card's."""
    text, kept = KEPT[case]

    assert mask_snapshot_text(text) == kept


def test_a_snapshot_is_masked_in_slices_in_every_text_and_key() -> None:
    """Security codes are found by their key; plain numbers are the world's own."""
    row = {"cvc": "873", "x": VISA, "n": 1, "deep": [{"a": VISA, "cvc": 873}]}
    shown = {"cvc": "***", "x": HIDDEN, "n": 1, "deep": [{"a": HIDDEN, "cvc": "***"}]}
    rows = {"rows": [row] * (2 * SLICE + 1), VISA: {"a": VISA}, "d": Decimal("1.5"), "n": int(VISA)}
    kept = {"rows": [shown] * (2 * SLICE + 1), HIDDEN: {"a": HIDDEN}, "d": 1.5, "n": int(VISA)}

    assert finish(masking(rows)) == kept
    assert len(list(masking(rows))) == 3
    assert list(masking(rows, 0)) == []
    assert finish(masking(rows, 0)) == kept


def test_headers_of_one_name_are_joined_unmasked_for_rules() -> None:
    """In lower case."""
    lines = [(b"Via", b"a"), (b"VIA", b"b"), (b"X-Card", VISA.encode()), (b"X-Bytes", b"\xff")]

    assert headers_by_name(lines) == {
        "via": "a, b", "x-card": VISA, "x-bytes": "\N{REPLACEMENT CHARACTER}",
    }  # fmt: skip


@for_each(
    "name",
    ["Authorization", "COOKIE", "x-api-key", "Sandbox-Token", "ApiKey", "X_Vault_Token",
     "Set-Cookie", "X-Functions-Key", "X-Amz-Security-Token", "Proxy-Authorization", "X-Jwt"],
)  # fmt: skip
def test_the_value_of_a_credential_header_is_hidden(name: str) -> None:
    """In any case; only a sandbox key shows its beginning."""
    assert is_credential(name)
    assert mask_header(name, "Bearer sk_live_1") == "…"
    assert mask_header(name, "Bearer sk_test_a") == "Bearer sk_test_…"


@for_each(
    "name",
    ["X-Tenant", "Idempotency-Key", "X-Cache-Key", "WWW-Authenticate", "Webhook-Signature", "Key",
     "X-Tokens-Left", "Authority"],
)  # fmt: skip
def test_the_values_of_other_headers_are_shown(name: str) -> None:
    """Somebody who looks for a mistake has to see them."""
    assert not is_credential(name)
    assert mask_header(name, "x") == "x"


@for_each("name", ["Date", "content-type", "SERVER", "User-Agent", "Host"])
@for_each(
    ("value", "shown"),
    [
        ("text/plain; a=b", "text/plain; a=b"),
        (f"a {VISA}", f"a {HIDDEN}"),
        ("shop/1; cvc=873", "shop/1; cvc=***"),
    ],
)
def test_card_numbers_and_codes_in_the_values_of_common_headers_are_masked(
    name: str, value: str, shown: str
) -> None:
    """Their names are known to be harmless and are not searched."""
    assert mask_header(name, value) == mask_header("X-Other", value) == shown


@pytest.mark.parametrize(("text", "is_held"), [(VISA, True), ("a?cvc=873", True), ("a?b=1", False)])
def test_a_text_with_a_card_number_or_a_security_code_is_detected(
    text: str, *, is_held: bool
) -> None:
    """Such as a URL, which cannot be masked."""
    assert contains_card_number(text) is is_held


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("1234567890123", "*********0123"),
        ("123456789012", "************"),
        ("1234 5678 9012 3", "**** **** **12 3"),
        ("1234 5678 9012 x", "**** **** **** x"),
        ("12/34", "**/**"),
        ("\u0664" + "\u0661" * 15, "*" * 12 + "\u0661" * 4),
    ],
)
def test_a_masked_number_shows_its_last_four_digits_only_if_it_has_thirteen(
    number: str, shown: str
) -> None:
    assert mask_number(number) == shown
