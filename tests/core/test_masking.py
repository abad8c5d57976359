"""Holds masking to both sides: no card number is left in a text, and nothing else is altered."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from payments_sandbox.payments.cards import brand_of, mask, mask_in, passes_luhn
from tests.support.numbers import in_groups

VISA = "4111111111111111"
FULL_WIDTH = "".join(chr(ord(digit) - ord("0") + 0xFF10) for digit in VISA)
ARABIC = "".join(chr(ord(digit) - ord("0") + 0x660) for digit in VISA)
BLANKS = (
    " ", "  ", "   ", " - ", "\t", "-", "--", ".", "_", "/", "\N{NO-BREAK SPACE}", "\N{EM SPACE}",
    "\N{THIN SPACE}", "\N{NARROW NO-BREAK SPACE}", "\N{IDEOGRAPHIC SPACE}", "\N{ZERO WIDTH JOINER}",
    "\N{ZERO WIDTH NO-BREAK SPACE}", "\N{SOFT HYPHEN}", "\N{HYPHEN}", "\N{NON-BREAKING HYPHEN}",
    "\N{FIGURE DASH}", "\N{EN DASH}", "\N{EM DASH}", "\N{MINUS SIGN}", "\N{MIDDLE DOT}",
    "\N{FULLWIDTH HYPHEN-MINUS}", "\N{FULLWIDTH SOLIDUS}",
)  # fmt: skip
MASKED = {
    VISA: "************1111",
    "4111 1111 1111 1111": "**** **** **** 1111",
    "4111-1111-1111-1111": "****-****-****-1111",
    "4111.1111.1111.1111": "****.****.****.1111",
    "3782 822463 10005": "**** ****** *0005",
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
    "4111    1111    1111    1111",
    "4111\n1111\n1111\n1111",
    "4111, 1111, 1111, 1111",
    "4111:1111:1111:1111",
    "pay_4111111111111112",
    "2030/01/15 10.30 2030/01/16 11.30",
    "+49 170 1234567, +49 30 1234567",
    "8e0c4111-1111-4111-8111-111111111111",
    "\N{ARABIC-INDIC DIGIT FOUR}" * 16,
    "\N{SUPERSCRIPT FOUR}" + "1" * 15,
)
NUMBERS = st.sampled_from([VISA, "378282246310005", "5555555555554444", "6011111111111117"])
PIECES = st.text("0123456789", min_size=1, max_size=6) | NUMBERS | st.sampled_from([" ", "x", "--"])


@pytest.mark.parametrize("text", MASKED)
def test_masks_a_number_in_a_text(text: str) -> None:
    """With the usual separators, among words, beside other numbers; the last four digits stay."""
    assert mask_in(text) == MASKED[text]


@pytest.mark.parametrize("blank", BLANKS, ids=ascii)
def test_groups_may_stand_apart(blank: str) -> None:
    """Whatever people, programs and typesetters put between them, up to three of it."""
    assert mask_in(f"my {in_groups(VISA, blank)}.") == f"my {in_groups('*' * 12 + '1111', blank)}."


@pytest.mark.parametrize("text", UNTOUCHED, ids=ascii)
def test_leaves_other_texts_alone(text: str) -> None:
    """Short numbers, dates, ids and numbers that are no card are what people write."""
    assert mask_in(text) == text


@given(st.lists(PIECES, max_size=12), st.sampled_from(["", *BLANKS]))
@example(["4012", in_groups(VISA, " ")], " ")
def test_masks_what_is_a_card_and_nothing_else(pieces: list[str], separator: str) -> None:
    """As a naive reading has it: every stretch of whole groups that is a card, but its end."""
    text = separator.join(pieces)

    assert mask_in(text) == _naive(text)


@given(st.lists(PIECES, max_size=12))
def test_masking_twice_brings_nothing_back(pieces: list[str]) -> None:
    """A snapshot masks what the journal has masked: a star stays one, and so does a letter."""
    once = mask_in(" ".join(pieces))
    twice = mask_in(once)

    for sign, other in zip(once, twice, strict=True):
        assert other == sign or (sign.isdigit() and other == "*")


@pytest.mark.parametrize(
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
def test_a_number_field_is_masked_whatever_it_holds(number: str, shown: str) -> None:
    """What was sent as a card number is one, valid or not; only a long one shows its end."""
    assert mask(number) == shown


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
def test_work_grows_with_the_length_alone(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hostile body costs a few looks a character, and no recursion."""
    looks = 0

    def counted(number: str) -> object:
        nonlocal looks
        looks += 1
        return brand_of(number)

    monkeypatch.setattr("payments_sandbox.payments.cards.brand_of", counted)

    assert len(mask_in(text)) == len(text)
    assert looks <= 4 * len(text)


def test_every_number_of_a_long_text_is_masked() -> None:
    """A list of a thousand numbers is no shelter for one."""
    assert mask_in(f"{VISA} " * 1_000) == "************1111 " * 1_000


def _naive(text: str) -> str:
    shown = list(text)
    sign = "[" + re.escape("".join(BLANKS)) + "]"
    for stretch in re.finditer(rf"[0-9]+(?:{sign}{{1,3}}[0-9]+)*", text):
        groups = [group.span() for group in re.finditer("[0-9]+", stretch[0])]
        for first, (start, _) in enumerate(groups):
            for _, end in groups[first:]:
                part = stretch[0][start:end]
                digits = re.sub("[^0-9]", "", part)
                if len(digits) < 20 and brand_of(digits) is not None and passes_luhn(digits):
                    hidden = (n for n, sign in enumerate(part[:-4]) if sign.isdigit())
                    for place in hidden:
                        shown[stretch.start() + start + place] = "*"
    return "".join(shown)
