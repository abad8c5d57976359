"""The values of wire faults: what a raw reply may say, and what each fault is called."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from payments_sandbox.rules.faults.drip import Drip
from payments_sandbox.rules.faults.respond_raw import RespondRaw
from payments_sandbox.rules.faults.truncate import Truncate

REFUSED = {
    "interim": ((100, {}, ""), "status: expected 200 to 599"),
    "beyond": ((600, {}, ""), "status: expected 200 to 599"),
    "204 with a body": ((204, {}, "x"), "body: expected none, as a 204 has no body"),
    "304 with a body": ((304, {}, "x"), "body: expected none, as a 304 has no body"),
    "half a letter": ((200, {}, "\ud83d"), "body: expected text that UTF-8 can write"),
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


@pytest.mark.parametrize("keep", [-0.1, 100.1, float("nan")])
def test_a_reply_is_kept_in_percent(keep: float) -> None:
    """From nothing to all of it."""
    with pytest.raises(ValueError, match=r"^keep: expected 0% to 100%$"):
        Truncate(commit=True, keep=keep)


def test_a_drip_has_a_piece() -> None:
    """Without one the body would never come."""
    with pytest.raises(ValueError, match=r"^chunks: expected 1 or more$"):
        Drip(over=1_000, chunks=0)


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
