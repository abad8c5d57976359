"""Tests the strict JSON reader: what it rejects, why, and how it reads numbers."""

import contextlib
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.core.strict_json import BadJson, json_bytes, read
from tests.support.tables import for_each

REFUSED = {
    "nan": (b"NaN", "NaN is not JSON"),
    "infinity": (b'{"amount": Infinity}', "Infinity is not JSON"),
    "minus infinity": (b"[-Infinity]", "-Infinity is not JSON"),
    "a float beyond floats": (b"1e400", "a number is out of range"),
    "a float below floats": (b"1e-400", "a number is out of range"),
    "an exponent beyond decimals": (b"1e9999999999999999999", "a number is out of range"),
    "a long fraction": (b"0." + b"1" * 30, "a number is out of range"),
    "a repeated key": (b'{"amount": 1, "amount": 100}', "an object contains the same key twice"),
    "a repeated key, escaped": (b'{"a": 1, "\\u0061": 2}', "an object contains the same key twice"),
    "a long integer": (b"9" * 5_000, "a number has more than 16 digits"),
    "deep lists": (b"[" * 100_000, "nested deeper than 32 levels"),
    "deep objects": (b'{"a":' * 100_000, "nested deeper than 32 levels"),
    "33 levels": (b"[" * 33 + b"]" * 33, "nested deeper than 32 levels"),
    "33 levels of objects": (b'{"a":' * 32 + b"{}" + b"}" * 32, "nested deeper than 32 levels"),
    "unpaired surrogate": (b'"\\ud800"', "a string contains an unpaired surrogate"),
    "half a pair as a key": (b'{"\\uDFFF": 1}', "a string contains an unpaired surrogate"),
    "a pair the wrong way round": (
        b'"\\ude00\\ud83d"',
        "a string contains an unpaired surrogate",
    ),
    "a byte order mark": (b"\xef\xbb\xbf{}", "it starts with a byte order mark"),
    "UTF-16": ("{}".encode("utf-16"), "byte 0 is not UTF-8"),
    "UTF-16 without a mark": ('{"a":1}'.encode("utf-16-le"), None),
    "UTF-32": ("{}".encode("utf-32"), "byte 0 is not UTF-8"),
    "Latin-1": (b'{"a": "\xe9"}', "byte 7 is not UTF-8"),
    "an encoded surrogate": (b'"\xed\xa0\x80"', "byte 1 is not UTF-8"),
    "an empty body": (b"", "the body is empty"),
    "two values": (b"{}{}", "Extra data at line 1, column 3"),
    "a trailing comma": (b'{"a": 1,}', None),
    "single quotes": (b"{'a': 1}", None),
    "a raw control character": (b'"\n"', None),
    "a leading zero": (b"012", "Extra data at line 1, column 2"),
}
READ = {
    b"25": 25,
    b"25.0": 25,
    b"2.5e1": 25,
    b"0.0": 0,
    b"-0": 0,
    b"0e5": 0,
    b"1e15": 10**15,
    b"9007199254740991": 2**53 - 1,
    b"-9007199254740991": 1 - 2**53,
    b"true": True,
    b"null": None,
    b'"\\ud83d\\ude00"': "\U0001f600",
    b'"\\\\ud800"': "\\ud800",
    b"[" * 32 + b"]" * 32: json.loads("[" * 32 + "]" * 32),
    b"[" + b"[]," * 100 + b"[]]": [[]] * 101,
    b'{"a": {"b": [1]}}': {"a": {"b": [1]}},
    b'{"a": {"b": {"c": [25.0]}}, "d": "x"}': {"a": {"b": {"c": [25]}}, "d": "x"},
}


@for_each("case", REFUSED)
def test_a_hostile_body_is_rejected_with_its_reason(case: str) -> None:
    """Always with the same kind of error."""
    raw, why = REFUSED[case]
    with pytest.raises(BadJson) as caught:
        read(raw)

    assert why in (None, str(caught.value))


@for_each("raw", READ, show=lambda raw: raw.decode()[:20])
def test_whole_numbers_and_escapes_are_read_by_their_value(raw: bytes) -> None:
    """A whole number is an int however it is written."""
    value = read(raw)

    assert value == READ[raw]
    assert type(value) is type(READ[raw])


def test_a_fraction_is_read_as_a_decimal() -> None:
    """The schema then names the field; a float never reaches the ledger."""
    assert read(b'{"amount": 25.5}') == {"amount": Decimal("25.5")}
    assert [type(read(each)) for each in (b"1e15", b"1e16")] == [int, Decimal]


@pytest.mark.parametrize(
    ("longest", "longer"),
    [
        (b"0." + b"1" * 22, b"0." + b"1" * 23),
        (b"1e308", b"1e309"),
        (b"1e-308", b"1e-309"),
        (b"1e0005", b"1e00005"),
        (b"9" * 16, b"9" * 17),
        (b"-" + b"9" * 16, b"-" + b"9" * 17),
    ],
)
def test_a_number_beyond_its_bounds_is_rejected(longest: bytes, longer: bytes) -> None:
    """Of length, size, exponent and digits."""
    assert read(longest) == Decimal(longest.decode())
    with pytest.raises(BadJson):
        read(longer)


def test_json_bytes_are_compact_utf_8() -> None:
    kept = json_bytes({"a": [1, "ä", None]})

    assert (type(kept), kept) == (bytes, '{"a":[1,"ä",null]}'.encode())


def test_a_long_string_of_escapes_is_read_in_linear_time() -> None:
    """Depth is counted, not searched for with a regular expression."""
    assert read(b'["' + b'\\"' * 30_000 + b'"]') == ['"' * 30_000]


def test_no_json_error_quotes_the_body() -> None:
    """The body may hold a card number."""
    for raw in (
        b'{"card_number": 4111111111111111,}',
        b'["4111111111111111]',
        b"4111111111111111x",
    ):
        with pytest.raises(BadJson) as caught:
            read(raw)
        assert "4111" not in str(caught.value)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(10**16) + 1, 10**16 - 1)
        | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=12,
    )
)
def test_valid_json_is_read_as_it_was_written(value: object) -> None:
    assert read(json.dumps(value).encode()) == value
    assert read(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_are_read_as_json_or_raise_bad_json(raw: bytes) -> None:
    with contextlib.suppress(BadJson):
        read(raw)


@given(
    st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,30})?", fullmatch=True)
)
def test_any_json_number_is_read_exactly_or_raises_bad_json(text: str) -> None:
    try:
        value = read(text.encode())
    except BadJson:
        return

    assert isinstance(value, int | Decimal)
    assert value == Decimal(text)
