"""The fault `malform`: each reply is wrong in exactly one way."""

import json
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.rules.faults.malform import (
    SPOIL,
    Malform,
    Malformation,
    garbage,
)
from payments_sandbox.rules.faults.reply import Close, RealReply, Send
from tests.support.tables import for_each
from tests.support.values import REAL_BODY, REAL_REPLY, body_sent, lines_sent

bodies = st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.none(), min_size=1)


@given(bodies)
def test_invalid_json_and_bad_utf8_cannot_be_decoded(body: dict[str, str | None]) -> None:
    """This holds for replies of any length."""
    real = RealReply(200, {}, json.dumps(body).encode())
    with pytest.raises(json.JSONDecodeError):
        json.loads(SPOIL[Malformation.INVALID_JSON](real).body)
    with pytest.raises(UnicodeDecodeError):
        SPOIL[Malformation.BAD_UTF8](real).body.decode()


@given(st.integers(0, 2**53), st.integers(0, 2**53))
def test_garbage_depends_only_on_seed_and_request(seed: int, number: int) -> None:
    """Other arguments give other bytes, which never begin like a reply."""
    drawn = garbage(seed, number)
    assert drawn == garbage(seed, number)
    assert drawn != garbage(seed + 1, number)
    assert drawn != garbage(seed, number + 1)
    assert (len(drawn), drawn[:1].isascii()) == (68, False)


def test_every_malformation_except_garbage_has_a_function() -> None:
    """Garbage is not made from a reply."""
    assert {*SPOIL} == {*Malformation} - {Malformation.GARBAGE}


EXPECTED: Final[dict[Malformation, tuple[bytes, dict[str, str], int]]] = {
    Malformation.INVALID_JSON: (REAL_BODY[:-1], {"Content-Length": "34"}, 201),
    Malformation.EMPTY: (b"", {"Content-Length": "0"}, 201),
    Malformation.WRONG_CONTENT_TYPE: (
        REAL_BODY,
        {"Content-Type": "text/plain; charset=utf-8"},
        201,
    ),
    Malformation.WRONG_LENGTH: (REAL_BODY, {"Content-Length": "17"}, 201),
    Malformation.BAD_CHUNK: (
        b"ZZ\r\n" + REAL_BODY + b"\r\n0\r\n\r\n",
        {"Transfer-Encoding": "chunked"},
        201,
    ),
    Malformation.BAD_UTF8: (REAL_BODY[:-2] + b'\xff"}', {"Content-Length": "36"}, 201),
    Malformation.BAD_GZIP: (REAL_BODY, {"Content-Encoding": "gzip", "Content-Length": "35"}, 201),
}


@for_each("way", EXPECTED)
def test_a_malformed_reply_differs_from_the_real_one_in_one_way(way: Malformation) -> None:
    """Everything else equals the real reply, with `Connection: close`."""
    body, changed, status = EXPECTED[way]
    fault = Malform(commit=True, how=way)
    first, *lines = lines_sent(fault)
    headers = {**REAL_REPLY.headers, "Connection": "close", "Date": "now", **changed}
    assert first == f"HTTP/1.1 {status} Created"
    if way is not Malformation.BAD_CHUNK:
        headers.setdefault("Content-Length", "35")
    assert dict(line.split(": ", 1) for line in lines) == headers
    assert body_sent(fault) == body
    assert [*fault.plan(REAL_REPLY)][-1] == Close()


def test_html_replaces_the_reply_by_a_502_page_of_a_proxy() -> None:
    first, *lines = lines_sent(Malform(commit=True, how=Malformation.HTML))
    assert first == "HTTP/1.1 502 Bad Gateway"
    assert "Content-Type: text/html; charset=utf-8" in lines
    assert body_sent(Malform(commit=True, how=Malformation.HTML)).startswith(b"<html>")


def test_garbage_is_sent_without_a_reply_in_the_journal() -> None:
    drawn = Send(garbage(0, 0))
    assert [*Malform(commit=True, how=Malformation.GARBAGE).plan(REAL_REPLY)] == [drawn, Close()]


def test_garbage_is_the_same_in_every_version() -> None:
    """Its first byte cannot begin an HTTP reply."""
    assert garbage(7, 1)[:6].hex() == "e75792f9bb24"
    assert len(garbage(7, 1)) == 68
    assert garbage(7, 1) != garbage(7, 2) != garbage(8, 2)
    assert garbage(7, 4)[:2].hex() == "cc66"


def test_malform_needs_commit_and_its_reply_never_arrives() -> None:
    """A scenario has to say whether the call happens."""
    assert (Malform.reply_arrives, Malform.needs_commit, Malform.starts_silent) == (
        False,
        True,
        False,
    )
