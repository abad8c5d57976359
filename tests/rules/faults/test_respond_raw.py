"""The fault `respond_raw`: which replies are accepted, and what is sent."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from payments_sandbox.rules.faults.respond_raw import RespondRaw
from tests.support.values import REAL_REPLY, body_sent, lines_sent

REFUSED = {
    "interim status": ((100, {}, ""), "status: expected 200 to 599"),
    "status above 599": ((600, {}, ""), "status: expected 200 to 599"),
    "204 with a body": ((204, {}, "x"), "body: expected none, as a 204 has no body"),
    "304 with a body": ((304, {}, "x"), "body: expected none, as a 304 has no body"),
    "lone surrogate": ((200, {}, "\ud83d"), "body: expected text that can be encoded as UTF-8"),
    "header without a name": (
        (200, {"": "x"}, ""),
        "headers: expected a name of letters, digits and '-', not ''",
    ),
    "header with a line break": (
        (200, {"X": "1\r\nSet-Cookie: a=b"}, ""),
        "headers: expected X in one line without control characters",
    ),
    "lone surrogate in a header": (
        (200, {"X": "\udc00"}, ""),
        "headers: expected X in one line without control characters",
    ),
}


@pytest.mark.parametrize(("arguments", "message"), REFUSED.values(), ids=REFUSED)
def test_an_impossible_status_header_or_body_is_rejected(
    arguments: tuple[int, dict[str, str], str], message: str
) -> None:
    """The message names the part and what is expected."""
    with pytest.raises(ValueError, match="expected") as refused:
        RespondRaw(*arguments)
    assert str(refused.value) == message


@given(st.text(max_size=20), st.text(max_size=20))
@example("X", "tab\tand é")
@example("X\n", "")
@example("X", "\n")
def test_an_accepted_header_is_always_one_line(name: str, value: str) -> None:
    """No parser of HTTP can read it as two lines."""
    try:
        RespondRaw(200, {name: value}, "")
    except ValueError:
        return
    line = f"{name}: {value}".encode()
    assert not set(line) & {*range(9), *range(10, 32), 127}
    assert line.split(b":")[0].isascii()


@pytest.mark.parametrize("status", [200, 204, 404, 599])
def test_any_final_status_is_accepted_with_an_empty_body(status: int) -> None:
    assert RespondRaw(status, {"X-Any": "1"}, "").status == status


def test_a_given_header_replaces_the_real_one_case_insensitively() -> None:
    """Other headers are those of the real reply; the length is that of the body."""
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


def test_a_status_without_a_body_is_sent_without_content_length() -> None:
    """A status without a standard reason has none; a given `Date` is kept."""
    assert "Content-Length: 0" not in lines_sent(RespondRaw(204, {}, ""))
    named = lines_sent(RespondRaw(299, {"Date": "never", "Connection": "x"}, ""))
    assert named[0] == "HTTP/1.1 299 "
    assert "Date: now" not in lines_sent(RespondRaw(299, {"Date": "never"}, "", commit=True))


def test_a_mapping_as_body_is_sent_as_json() -> None:
    """Characters are not escaped."""
    plain = {"status": 200, "body": {"a": "é"}, "off_contract": True}
    assert RespondRaw.parse(plain, is_read=False) == RespondRaw(200, {}, '{"a": "é"}')
    assert REAL_REPLY.headers == {"Content-Type": "application/json", "X-Real": "1"}


def test_respond_raw_replaces_the_reply_and_needs_no_commit() -> None:
    """By default the call does not happen."""
    assert (RespondRaw.reply_arrives, RespondRaw.needs_commit, RespondRaw.starts_silent) == (
        False,
        False,
        False,
    )


@pytest.mark.parametrize(
    ("code", "is_text"), [(0xD7FF, True), (0xD800, False), (0xDFFF, False), (0xE000, True)]
)
def test_lone_surrogates_in_the_body_are_rejected(code: int, *, is_text: bool) -> None:
    """UTF-8 cannot encode them."""
    if is_text:
        assert RespondRaw(200, {}, chr(code)).body == chr(code)
    else:
        with pytest.raises(ValueError, match="expected text that can be encoded as UTF-8"):
            RespondRaw(200, {}, chr(code))
