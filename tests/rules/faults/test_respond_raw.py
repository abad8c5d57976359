"""The fault `respond_raw`: which replies are accepted, and what is sent."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from payments_sandbox.rules.faults.respond_raw import RespondRaw
from payments_sandbox.scenarios.loader import Loaded, load_value
from tests.support.values import REAL_REPLY, body_sent, lines_sent

REJECTED = {
    "an interim status": {"status": 100},
    "a status beyond 599": {"status": 600},
    "a 204 with a body": {"status": 204, "body": "x"},
    "a 304 with a body": {"status": 304, "body": "x"},
    "a header without a name": {"status": 200, "headers": {"": "x"}},
    "a header of two lines": {"status": 200, "headers": {"X": "1\r\nSet-Cookie: a=b"}},
}


@pytest.mark.parametrize("reply", REJECTED.values(), ids=REJECTED)
def test_a_reply_that_http_cannot_carry_is_a_problem_of_the_scenario(
    reply: dict[str, object],
) -> None:
    assert scenario_with(reply).scenario is None


@given(st.text(max_size=20), st.text(max_size=20))
@example("X", "tab\tand é")
@example("X\n", "")
@example("X", "\n")
def test_an_accepted_header_is_always_one_line(name: str, value: str) -> None:
    """No parser of HTTP can read it as two lines."""
    if scenario_with({"status": 200, "headers": {name: value}}).scenario is None:
        return
    line = f"{name}: {value}".encode()
    assert not set(line) & {*range(9), *range(10, 32), 127}
    assert line.split(b":")[0].isascii()


def scenario_with(reply: dict[str, object]) -> Loaded:
    """A scenario with a raw reply as its only step."""
    step = {"respond_raw": {**reply, "off_contract": True}}
    return load_value({"scenario": "raw", "rules": [{"request": "*", "do": [step]}]})


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
