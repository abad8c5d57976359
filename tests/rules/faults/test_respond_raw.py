"""The fault `respond_raw`: what a raw reply may say, and what goes out."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from payments_sandbox.rules.faults.respond_raw import RespondRaw
from tests.support.values import REAL_REPLY, body_sent, lines_sent

REFUSED = {
    "interim": ((100, {}, ""), "status: expected 200 to 599"),
    "beyond": ((600, {}, ""), "status: expected 200 to 599"),
    "204 with a body": ((204, {}, "x"), "body: expected none, as a 204 has no body"),
    "304 with a body": ((304, {}, "x"), "body: expected none, as a 304 has no body"),
    "half a letter": ((200, {}, "\ud83d"), "body: expected text that can be encoded as UTF-8"),
    "no name": (
        (200, {"": "x"}, ""),
        "headers: expected a name of letters, digits and '-', not ''",
    ),
    "two lines": (
        (200, {"X": "1\r\nSet-Cookie: a=b"}, ""),
        "headers: expected X in one line without control characters",
    ),
    "half a letter in a header": (
        (200, {"X": "\udc00"}, ""),
        "headers: expected X in one line without control characters",
    ),
}


@pytest.mark.parametrize(("arguments", "message"), REFUSED.values(), ids=REFUSED)
def test_what_no_reply_can_say_is_refused(
    arguments: tuple[int, dict[str, str], str], message: str
) -> None:
    """The text names the part and what would do."""
    with pytest.raises(ValueError, match="expected") as refused:
        RespondRaw(*arguments)
    assert str(refused.value) == message


@given(st.text(max_size=20), st.text(max_size=20))
@example("X", "tab\tand é")
@example("X\n", "")
@example("X", "\n")
def test_a_header_never_becomes_two(name: str, value: str) -> None:
    """What is taken is one line of a head, whatever reads it."""
    try:
        RespondRaw(200, {name: value}, "")
    except ValueError:
        return
    line = f"{name}: {value}".encode()
    assert not set(line) & {*range(9), *range(10, 32), 127}
    assert line.split(b":")[0].isascii()


@pytest.mark.parametrize("status", [200, 204, 404, 599])
def test_any_final_status_will_do(status: int) -> None:
    """With no body, which every status can have."""
    assert RespondRaw(status, {"X-Any": "1"}, "").status == status


def test_a_header_of_its_own_takes_the_place_of_the_real_one_in_any_spelling() -> None:
    """All others are the real reply's; the length is the body's."""
    fault = RespondRaw(503, {"content-type": "text/plain", "Retry-After": "7"}, "é")
    assert lines_sent(fault) == [
        "HTTP/1.1 503 Service Unavailable",
        "X-Real: 1",
        "content-type: text/plain",
        "Retry-After: 7",
        "Connection: close",
        "Content-Length: 2",
        "Date: now",
    ]
    assert body_sent(fault) == "é".encode()


def test_a_status_without_a_body_has_no_length() -> None:
    """And one that has no name goes without it; what the reply says of its end stays."""
    assert "Content-Length: 0" not in lines_sent(RespondRaw(204, {}, ""))
    named = lines_sent(RespondRaw(299, {"Date": "never", "Connection": "x"}, ""))
    assert named[0] == "HTTP/1.1 299 "
    assert "Date: now" not in lines_sent(RespondRaw(299, {"Date": "never"}, "", commit=True))


def test_a_mapping_is_sent_as_json() -> None:
    """With its letters as they are."""
    plain = {"status": 200, "body": {"a": "é"}, "off_contract": True}
    assert RespondRaw.parse(plain, is_read=False) == RespondRaw(200, {}, '{"a": "é"}')
    assert REAL_REPLY.headers == {"Content-Type": "application/json", "X-Real": "1"}


def test_another_reply_stands_in_place_of_the_real_one() -> None:
    """A scenario may say that the call happens; unless it does, nothing has."""
    assert (RespondRaw.reply_arrives, RespondRaw.needs_commit, RespondRaw.starts_silent) == (
        False,
        False,
        False,
    )


@pytest.mark.parametrize(
    ("code", "is_text"), [(0xD7FF, True), (0xD800, False), (0xDFFF, False), (0xE000, True)]
)
def test_half_a_surrogate_pair_is_no_text(code: int, *, is_text: bool) -> None:
    """UTF-8 cannot write it, from the first of them to the last."""
    if is_text:
        assert RespondRaw(200, {}, chr(code)).body == chr(code)
    else:
        with pytest.raises(ValueError, match="expected text that can be encoded as UTF-8"):
            RespondRaw(200, {}, chr(code))
