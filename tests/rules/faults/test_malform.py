"""Malformed replies as values: each is wrong in its one way, whatever it is made from."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.rules.faults.malform import GARBAGE_BYTES, SPOIL, Malformation, garbage
from payments_sandbox.rules.faults.reply import RealReply

bodies = st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.none(), min_size=1)


@given(bodies)
def test_json_is_broken_in_its_syntax_or_in_its_bytes(body: dict[str, str | None]) -> None:
    """Neither can be read, however short the reply is."""
    real = RealReply(200, {}, json.dumps(body).encode())
    with pytest.raises(json.JSONDecodeError):
        json.loads(SPOIL[Malformation.INVALID_JSON](real).body)
    with pytest.raises(UnicodeDecodeError):
        SPOIL[Malformation.BAD_UTF8](real).body.decode()


@given(st.integers(0, 2**53), st.integers(0, 2**53))
def test_garbage_is_a_function_of_seed_and_request(seed: int, number: int) -> None:
    """Equal arguments, equal bytes; others, others; and never the start of a reply."""
    drawn = garbage(seed, number)
    assert drawn == garbage(seed, number)
    assert drawn != garbage(seed + 1, number)
    assert drawn != garbage(seed, number + 1)
    assert (len(drawn), drawn[:1].isascii()) == (GARBAGE_BYTES + 4, False)


def test_every_way_but_garbage_is_in_the_table() -> None:
    """Garbage is no reply at all."""
    assert {*SPOIL} == {*Malformation} - {Malformation.GARBAGE}
