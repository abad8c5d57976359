"""Owns the masking of card numbers and security codes: in texts, JSON, headers, paths and bodies.

Whatever is kept, shown or logged goes through here first. Masking what is masked changes nothing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final
from urllib.parse import unquote_plus

from payments_sandbox.core.card_numbers import LONGEST, SHORTEST, brand_of, passes_luhn

Headers = Sequence[tuple[bytes, bytes]]
"""Header lines as they came, or as a snapshot kept them."""

TEXT_KEPT: Final = 2_048
_NUMBER_KEYS: Final = frozenset({"cardnumber", "number", "pan"})
_HIDDEN_KEYS: Final = _NUMBER_KEYS | {
    "cardcvc", "cardcvv", "csc", "cvc", "cvc2", "cvccode", "cvv", "cvv2", "cvvcode", "securitycode",
}  # fmt: skip
_HEADERS_HIDDEN: Final = frozenset({"authorization", "sandbox-token", "cookie"})
_DIGIT_GROUPS: Final = re.compile(r"[0-9]+(?:[ \t._/-]{1,3}[0-9]+)*")
_ENOUGH_DIGITS: Final = re.compile(r"\d(?:\D{0,3}\d){12}")
_NUMBER_FIELD: Final = re.compile(r"[0-9* \t._/-]+")
_OTHER_DIGIT: Final = re.compile(r"[^\D0-9]")
_OTHER_BLANKS: Final = dict.fromkeys(
    (
        0xA0, 0xAD, 0xB7, 0x1680, *range(0x2000, 0x2010), *range(0x2010, 0x2016), 0x2022, 0x202F,
        0x205F, 0x2060, 0x2212, 0x3000, 0xFE58, 0xFE63, 0xFEFF, 0xFF0D, 0xFF0E, 0xFF0F, 0xFF3F,
    ),
    " ",
)  # fmt: skip
"""Spaces, dashes and dots beyond ASCII, those of no width among them, and what each counts as."""
_DIGITS: Final = b"0123456789"
_ID: Final = re.compile(r"((?:pay|ref|evt|chb|req)_[0-9a-f]{16})")
_PIECES: Final = re.compile(r"[^/?&;,#]+")
"""What stands between the separators of paths, queries and headers: a word or `name=value`."""

_MAY_BE_HIDDEN: Final = re.compile(
    "|".join("[_ +-]*".join(key) for key in ("number", "pan", "cvc", "cvv", "csc", "securitycode")),
    re.IGNORECASE,
)
"""Found in every text that has a key of `_HIDDEN_KEYS`, and in few others: it is quick to look."""


def mask_number(number: str) -> str:
    """Every digit but the last four as `*`; all of them where it cannot be a card's number."""
    if number.isdigit():
        end = len(number) - 4 if len(number) >= SHORTEST else len(number)
        return "*" * end + number[end:]
    plain = _in_ascii(number)
    is_long = len(plain) >= SHORTEST and _NUMBER_FIELD.fullmatch(plain)
    end = len(plain) - 4 if is_long else len(plain)
    hidden = zip(number[:end], plain, strict=False)
    return "".join("*" if sign.isdigit() else shown for shown, sign in hidden) + number[end:]


def mask_text(text: str) -> str:
    """The text with each card number in it masked; other digits stay."""
    if _has_few_digits(text) or not _ENOUGH_DIGITS.search(text):
        return text
    shown = list(text)
    for groups in _DIGIT_GROUPS.finditer(_in_ascii(text)):
        for place in _hidden_in(groups[0]):
            shown[groups.start() + place] = "*"
    return "".join(shown)


def _has_few_digits(text: str) -> bool:
    """Whether there are too few for a card number, which is so of nearly every text."""
    if len(text) < SHORTEST:
        return True
    return text.isascii() and len(text) - len(text.encode().translate(None, _DIGITS)) < SHORTEST


def _in_ascii(text: str) -> str:
    """The text, sign for sign, with any script's digits as 0 to 9 and any blank as a space."""
    if text.isascii():
        return text
    return _OTHER_DIGIT.sub(lambda digit: str(int(digit[0])), text.translate(_OTHER_BLANKS))


def _hidden_in(groups: str) -> Iterator[int]:
    """Where the digits are that belong to a card number, but not to its last four signs."""
    for start, end, digits in _windows(groups):
        if brand_of(digits) is not None and passes_luhn(digits):
            yield from (place for place in range(start, end - 4) if groups[place].isdigit())


def _windows(text: str) -> Iterator[tuple[int, int, str]]:
    """Stretches of whole digit groups that are as long as a card number, and their digits."""
    groups = [(found.start(), found.end()) for found in re.finditer("[0-9]+", text)]
    for first, (start, _) in enumerate(groups):
        digits = ""
        for begin, end in groups[first : first + LONGEST]:
            digits += text[begin:end][: LONGEST + 1]
            if len(digits) > LONGEST:
                break
            if len(digits) >= SHORTEST:
                yield start, end, digits


def mask_headers(headers: Headers) -> dict[str, str]:
    """Header lines as text: credentials shortened, card numbers masked, doubles joined."""
    shown: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("utf-8", "replace")
        if name.lower() in _HEADERS_HIDDEN:
            value = f"{value[:15]}…" if value.startswith("Bearer sk_test_") else "…"
        elif (plain := _plain(name.lower().removeprefix("x-"))) in _HIDDEN_KEYS:
            value = str(_hidden(value, plain))
        name, text = mask_text(name), mask_target(value)
        shown[name] = f"{shown[name]}, {text}" if name in shown else text
    return shown


def mask_target(text: str) -> str:
    """A path and query, or a header's value, without card numbers and security codes.

    It is as it came unless there is something to hide; what is hidden is shown decoded.
    """
    may_hide = "%" in text or ("=" in text and _MAY_BE_HIDDEN.search(text) is not None)
    shown = _PIECES.sub(_masked_piece, text) if may_hide else text
    plain = unquote_plus(shown) if "%" in shown or "+" in shown else shown
    # Decoding can bring more to light: a whole address as a value, a number in groups.
    decoded = mask_text(_PIECES.sub(_masked_piece, plain) if plain is not shown else plain)
    return shown if decoded == plain else decoded


def _masked_piece(found: re.Match[str]) -> str:
    piece = found[0]
    name, _, value = (unquote_plus(piece) if "%" in piece else piece).partition("=")
    if not value or (plain := _plain(name.replace("+", " "))) not in _HIDDEN_KEYS:
        return piece
    return f"{name}={_hidden(value, plain)}"


def _plain(key: str) -> str:
    """A key as `_HIDDEN_KEYS` has it; of a path such as `card[cvc]` or `card.cvc` the last part."""
    plain = key.lower().replace("_", "").replace("-", "").replace(" ", "")
    return plain if plain.isalnum() else (re.findall(r"\w+", plain) or [""])[-1]


def mask_json(value: object, key: str = "") -> object:
    """A JSON value without card numbers and security codes, whatever the keys are called."""
    plain = _plain(key)
    if plain in _HIDDEN_KEYS:
        return _hidden(value, plain)
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, dict):
        return mask_object(value)
    if isinstance(value, list):
        return [mask_json(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    return _number_or_mask(value)


def _number_or_mask(value: object) -> object:
    """A number as the standard writer takes it; masked text where it holds a card number."""
    if "*" in (text := mask_text(str(value))):
        return text
    return float(value) if isinstance(value, Decimal) else value


def mask_object(value: Mapping[str, object]) -> dict[str, object]:
    """A JSON object without card numbers and security codes."""
    return {mask_text(name): mask_json(item, name) for name, item in value.items()}


def _hidden(value: object, key: str) -> object:
    """What stands under a key for card numbers or security codes."""
    if isinstance(value, str):
        return mask_number(value) if key in _NUMBER_KEYS else "*" * len(value)
    return None if value is None else "***"


def mask_body(body: bytes) -> str:
    """A body that is no JSON: its start, with every run of three or more digits masked."""
    text = mask_text(body[:TEXT_KEPT].decode("utf-8", "replace"))
    return re.sub(r"\d{3,}", lambda found: "*" * len(found.group()), text)


def mask_reply(text: str) -> str:
    """A reply as it was sent, unless somebody has put a card number into it; ids are never one."""
    parts = _ID.split(text)
    return "".join(part if place % 2 else mask_text(part) for place, part in enumerate(parts))
