"""Owns the masking of card numbers and security codes in everything that comes from outside.

How it works:

1. Everything that is kept, shown or logged is masked first, as a parsed value: `mask_json` for
   JSON, `mask_headers` and `mask_target` for names with values, `mask_text` for text.
   `mask_content` takes any bytes: it parses JSON, and looks for names and values in anything else.
2. Card numbers are found in the digits of any script, whatever separates them. The decoded text is
   searched as well: without percent encoding, JSON escapes and numeric entities.
3. Groups of digits that stand close together may have any length. Groups that stand farther apart,
   as in a list, count only if they have the layout of a card number. Dates and amounts do not.
4. A security code has no recognisable form: only the name of its field tells.
5. A text in which something is hidden is shown decoded; any other text stays as it was. Masking a
   second time changes nothing.
"""

import contextlib
import re
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum, auto
from typing import Final
from urllib.parse import unquote, unquote_plus

import orjson

from payments_sandbox.core import strict_json
from payments_sandbox.core.card_numbers import SHORTEST, has_few_digits, in_ascii, mask_digits
from payments_sandbox.core.slices import SLICE, Slices

Headers = Sequence[tuple[bytes, bytes]]
"""Header lines as they were received, or as a snapshot contains them."""

TEXT_KEPT: Final = 2_048
"""How many bytes are kept of a body that is not JSON."""

_LAYERS: Final = 4
"""How many times a text is decoded in search of a number."""

# Names

_CREDENTIAL: Final = re.compile(
    r"(?:.*[-_])?(?:auth|authorization|authentication|cookie|credentials?|jwt|passphrase|passwd"
    r"|password|secret|token|apikey|(?:access|account|admin|api|app|auth|client|functions?|license"
    r"|master|private|secret|service|shared|subscription)[-_]key)"
)
"""The last words in the names of headers that carry a credential; Idempotency-Key is not one."""

_USUAL_HEADERS: Final = frozenset({
    "accept", "accept-encoding", "connection", "content-length", "content-type", "date", "host",
    "keep-alive", "server", "transfer-encoding", "user-agent", "vary",
})  # fmt: skip
"""Common headers that hold neither a credential nor a security code."""

_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_NUMBER: Final = re.compile(r"(?:.*card|cc|primaryaccount)?number|pan|(?:.*card|cc)no|.*cardpan")
_CODE: Final = re.compile(
    r"(?:x|card|payment|credit)*(?:cvc|cvv|csc|cvn|cvd)[0-9]?(?:code|number|value)?"
    r"|cv(?:code|number|value)|.*securitycode|.*cardverification(?:code|number|value|data)?|verificationvalue"
)
_CODE_WORDS: Final = frozenset({"cvc", "cvv", "csc", "cvn", "cvd"})
_SHORT_NUMBER: Final = re.compile("[0-9]{3,4}")
_STEMS: Final = {
    "n": ("o", "umber"),
    "p": ("an",),
    "c": ("vc", "vv", "sc", "vn", "vd", "id", "ode"),
    "v": ("alue",),
}
"""Parts that occur in the name of every secret field: the first letter, and what follows it."""

_CONTINUATIONS: Final = "|".join(
    f"(?<={first})[_ +-]*(?:{'|'.join(map('[_ +-]*'.join, rests))})"
    for first, rests in _STEMS.items()
)
# A leading class of letters, in both cases, is what `re` can search for in one fast loop.
_MAY_BE_SECRET_NAME: Final = re.compile(f"[nNpPcCvV](?i:{_CONTINUATIONS})")
"""A fast first test: it matches every name of a secret field, and few other texts."""

_PIECES: Final = re.compile(r"[^/?&;,#]+")
"""A part of a path, a query or a header between separators: a word or `name=value`."""

_PAIRS: Final = re.compile(
    r"""(?<![\w.\[\]-])(?P<name>[A-Za-z_][\w.\[\]-]*+)(?P<between>["']?\s*+[:=>]\s*+["']?)"""
    r"""(?P<value>[^\s"'&;,}\]<>]++)"""
)
"""A name and a value in a text that resembles JSON, a form or XML."""

# Digits

_NUMBER_FIELD: Final = re.compile(r"[0-9* \t._/-]+")
_ESCAPES: Final = re.compile(
    r"""\\(?:u([0-9A-Fa-f]{4})|([tnrbf"/\\]))|&#(?:([0-9]+)|x([0-9A-Fa-f]+));"""
)
_SURROGATES: Final = range(0xD800, 0xE000)
_ID: Final = re.compile(r"((?:pay|ref|evt|chb|req)_[0-9a-f]{16})")


class _Secret(Enum):
    """What a secret field holds."""

    NUMBER = auto()
    CODE = auto()
    PERHAPS_CODE = auto()


def _secret_named(name: str) -> _Secret | None:
    """What a field of this name holds; in a path such as `card[cvc]` the last part counts."""
    if _MAY_BE_SECRET_NAME.search(name) is None:
        return None
    parts = re.findall(r"[\w +-]+", name)
    words = [word.lower() for word in _WORDS.findall(parts[-1])] if parts else []
    plain = "".join(words)
    if _NUMBER.fullmatch(plain):
        return _Secret.NUMBER
    if _CODE.fullmatch(plain):
        return _Secret.CODE
    return _Secret.PERHAPS_CODE if plain == "cid" or _CODE_WORDS.intersection(words) else None


def _masked_secret(value: object, secret: _Secret) -> object:
    """Mask the value of a field whose name says that it holds a secret."""
    if secret is _Secret.PERHAPS_CODE and not _SHORT_NUMBER.fullmatch(str(value)):
        return mask_json(value)
    if isinstance(value, str):
        return mask_number(value) if secret is _Secret.NUMBER else "*" * len(value)
    return None if value is None else "***"


# Parsed values


def mask_json(value: object, name: str = "") -> object:
    """Mask a JSON value; `name` is its key, if it has one."""
    if name and (secret := _secret_named(name)) is not None:
        return _masked_secret(value, secret)
    match value:
        case str():
            return mask_text(value)
        case dict():
            return mask_object(value)
        case list() | tuple():
            return [mask_json(item) for item in value]
        case None | bool():
            return value
        case _:
            return _number_or_mask(value)


def _number_or_mask(value: object) -> object:
    """A number that `json` can write, or masked text if it contains a card number."""
    if "*" in (text := mask_text(str(value))):
        return text
    return float(value) if isinstance(value, Decimal) else value


def mask_object(value: Mapping[str, object]) -> dict[str, object]:
    """Mask a JSON object, including its keys."""
    return {mask_text(name): mask_json(item, name) for name, item in value.items()}


def mask_content(body: bytes) -> bytes:
    """Mask a body of any kind; it is unchanged if there is nothing to hide.

    JSON with something to hide is written anew. What is not strict JSON, such as an object that
    names a key twice, is treated as text.
    """
    if not body:
        return body
    try:
        strict_json.read(body)
    except strict_json.BadJson:
        return _mask_pairs(body.decode("utf-8", "replace")).encode()
    value = orjson.loads(body)
    masked = mask_json(value)
    return body if masked == value else orjson.dumps(masked)


def mask_headers(headers: Headers) -> dict[str, str]:
    """Mask header lines: shorten credentials, mask card numbers, join lines of the same name."""
    shown: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("utf-8", "replace")
        text = mask_header(name, value)
        name = mask_target(name)
        shown[name] = f"{shown[name]}, {text}" if name in shown else text
    return shown


def headers_by_name(headers: Headers) -> dict[str, str]:
    """Unmasked header lines by their names in lower case; lines of the same name are joined."""
    found: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("utf-8", "replace")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def mask_header(name: str, value: str) -> str:
    """Mask the value of a header; a credential is shortened."""
    if name.lower() in _USUAL_HEADERS:
        return mask_target(value)  # searching these names would take longer than all the rest
    if is_credential(name):
        return f"{value[:15]}…" if value.startswith("Bearer sk_test_") else "…"
    if (secret := _secret_named(name)) is not None:
        return str(_masked_secret(value, secret))
    return mask_target(value)


def is_credential(name: str) -> bool:
    """Whether a header of this name carries a credential."""
    return _CREDENTIAL.fullmatch(name.lower()) is not None


def masking(snapshot: object, depth: int = 3) -> Slices[object]:
    """Mask every text in a snapshot, in slices, and return it.

    Ids and numbers stay as they are, whatever their digits are, since the world made them.

    Args:
        snapshot: a snapshot as JSON, from a world or from a user.
        depth: down to which depth lists and objects are cut into slices.
    """
    if depth and isinstance(snapshot, dict):
        found = {}
        for name, item in snapshot.items():
            found[mask_snapshot_text(name)] = yield from masking(item, depth - 1)
        return found
    if depth and isinstance(snapshot, list):
        rows: list[object] = []
        for start in range(0, len(snapshot), SLICE):
            rows += map(_mask_row, snapshot[start : start + SLICE])
            yield
        return rows
    return _mask_row(snapshot)


def _mask_row(value: object, name: str = "") -> object:
    """Mask the texts in a value of a snapshot; a text that is JSON is parsed first."""
    if isinstance(value, dict):
        return {mask_snapshot_text(key): _mask_row(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_mask_row(item) for item in value]
    if name and _secret_named(name) is _Secret.CODE:
        return _masked_secret(value, _Secret.CODE)
    if isinstance(value, Decimal):
        return float(value)  # which `json` can write
    return mask_snapshot_text(value) if isinstance(value, str) else value


def mask_snapshot_text(text: str) -> str:
    """Mask a text of a snapshot; the ids of a world never count as card numbers."""
    if has_few_digits(text):
        return text
    if text[0] in "{[":
        with contextlib.suppress(strict_json.BadJson):
            strict_json.read(text.encode())
            value = orjson.loads(text)
            masked = _mask_row(value)
            return text if masked == value else orjson.dumps(masked).decode()
    parts = _ID.split(text)
    return "".join(part if place % 2 else mask_text(part) for place, part in enumerate(parts))


# Text


def mask_number(number: str) -> str:
    """Mask all digits but the last four, or all of them if it cannot be a card number."""
    if number.isdigit():
        end = len(number) - 4 if len(number) >= SHORTEST else len(number)
        return "*" * end + number[end:]
    plain = in_ascii(number)
    is_long = len(plain) >= SHORTEST and _NUMBER_FIELD.fullmatch(plain)
    end = len(plain) - 4 if is_long else len(plain)
    hidden = zip(number[:end], plain, strict=False)
    return "".join("*" if sign.isdigit() else shown for shown, sign in hidden) + number[end:]


def mask_text(text: str) -> str:
    """Mask each card number in a text; other digits stay."""
    if has_few_digits(text):
        return text
    shown = mask_digits(text)
    if "%" in shown or "\\" in shown or "&#" in shown:
        plain = _decoded(shown)
        if (decoded := mask_digits(plain)) != plain:
            return decoded
    return shown


def contains_card_number(text: str) -> bool:
    """Whether a text holds something to mask, for texts that are rejected instead of masked."""
    return mask_target(text) != text


def mask_target(text: str) -> str:
    """Mask a path and query, or the value of a header.

    It is unchanged if there is nothing to hide; otherwise it is shown decoded.
    """
    if "=" not in text and "%" not in text and "+" not in text:
        return mask_text(text)  # no field is named, and nothing is percent-encoded
    shown = plain = _mask_pieces(text)
    is_hidden = False
    for _ in range(_LAYERS):
        if "%" not in plain and "+" not in plain:
            break
        decoded = unquote_plus(plain)
        plain = _mask_pieces(decoded)
        is_hidden = is_hidden or plain != decoded
    masked = mask_text(plain)
    return masked if is_hidden or masked != plain else shown


def mask_body(body: bytes) -> str:
    """Mask a body that is not JSON: its start, without any run of three or more digits."""
    text = mask_text(body[:TEXT_KEPT].decode("utf-8", "replace"))
    return re.sub(r"\d{3,}", lambda found: "*" * len(found.group()), text)


def _mask_pieces(text: str) -> str:
    if "=" not in text or _MAY_BE_SECRET_NAME.search(text) is None:
        return text
    return _PIECES.sub(_masked_piece, text)


def _masked_piece(found: re.Match[str]) -> str:
    piece = found[0]
    name, _, value = (unquote_plus(piece) if "%" in piece else piece).partition("=")
    if not value or (secret := _secret_named(name)) is None:
        return piece
    return f"{name}={_masked_secret(value, secret)}"


def _mask_pairs(text: str) -> str:
    """Mask a text that may contain names and values, such as broken JSON."""
    shown = _PAIRS.sub(_masked_pair, mask_text(text))
    plain = _decoded(shown)
    decoded = _PAIRS.sub(_masked_pair, plain)
    return shown if decoded == plain else decoded


def _masked_pair(found: re.Match[str]) -> str:
    if (secret := _secret_named(found["name"])) is None:
        return found[0]
    return f"{found['name']}{found['between']}{_masked_secret(found['value'], secret)}"


def _decoded(text: str) -> str:
    """Decode percent encoding, JSON escapes and numeric entities, also nested ones."""
    for _ in range(_LAYERS):
        plain = _ESCAPES.sub(_unescaped, unquote(text))
        if plain == text:
            break
        text = plain
    return text


def _unescaped(found: re.Match[str]) -> str:
    code, blank, decimal, hexadecimal = found.groups()
    if blank:
        return blank if blank in '"/\\' else " "
    number = int(decimal[:7]) if decimal else int((code or hexadecimal)[:6], 16)
    return chr(number) if number <= sys.maxunicode and number not in _SURROGATES else " "
