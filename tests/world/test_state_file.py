"""Tests the state file of a server: it is read completely, or rejected."""

import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.core.instants import LAST, Instant
from payments_sandbox.core.slices import finish
from payments_sandbox.world.state_file import NoStateError, read_lines, rewritten, writing
from payments_sandbox.world.world import World
from tests.support.in_process import InProcessApi, new_world, server_context, snapshot
from tests.support.tables import for_each
from tests.support.values import documented_create

HEAD = {"format": "payments-sandbox/state", "version": 1}


def busy_world() -> World:
    """A world with a payment, used some time after it was made."""
    world = new_world()
    world.used_at = Instant(world.used_at + 5)
    InProcessApi(world).ask("create_payment", documented_create())
    return world


def sealed(*lines: object) -> list[bytes]:
    """Return lines of JSON with an end that seals them."""
    opened = [json.dumps(line).encode() for line in lines]
    seal = sha256(b"".join(opened)).hexdigest()
    return [*opened, json.dumps({"worlds": len(lines) - 1, "sha256": seal}).encode()]


def lines(*worlds: World) -> list[bytes]:
    """Return the state of worlds that can all be saved."""
    failures: list[tuple[World, Exception]] = []
    found = finish(writing(worlds, lambda *failure: failures.append(failure)))
    assert failures == []
    return b"".join(found).splitlines()


def test_a_state_file_restores_keys_times_and_worlds() -> None:
    busy = busy_world()
    (kept,) = read_lines(line + b"\n" for line in lines(busy))
    back = finish(kept.restoring(server_context()))

    assert (back.config, back.used_at) == (busy.config, busy.used_at)
    assert snapshot(back) == snapshot(busy)


def test_worlds_of_several_state_files_are_merged_into_one() -> None:
    """Also if there are none."""
    saved = read_lines(lines(busy_world()))
    (other,) = read_lines(lines(busy_world()))
    both = [*saved, other._replace(api_key="sk_test_other")]
    assert read_lines(b"".join(rewritten(both)).splitlines()) == both
    assert read_lines(b"".join(rewritten([])).splitlines()) == []
    assert b"".join(rewritten(saved)).splitlines() == lines(
        finish(saved[0].restoring(server_context()))
    )


@given(st.data())
def test_a_truncated_or_changed_state_file_is_rejected(data: st.DataObject) -> None:
    """Wherever it ends early, or one byte differs."""
    whole = b"\n".join(lines(busy_world()))
    cut = data.draw(st.integers(0, len(whole) - 1))
    other = bytes([whole[cut] ^ data.draw(st.integers(1, 255))])
    for spoiled in (whole[:cut], whole[:cut] + other + whole[cut + 1 :]):
        with pytest.raises(NoStateError):
            read_lines(spoiled.split(b"\n"))


def test_a_world_that_cannot_be_saved_is_reported_and_the_others_are_saved() -> None:
    good, bad = busy_world(), busy_world()
    bad.journal = None  # type: ignore[assignment]  # a defect, whatever it may be
    failures: list[tuple[World, Exception]] = []
    found = finish(writing([bad, good], lambda *failure: failures.append(failure)))
    (kept,) = read_lines(b"".join(found).splitlines())

    assert (kept.api_key, kept.snapshot["seed"]) == (good.config.api_key, good.config.seed)
    [(world, error)] = failures
    assert (world, type(error)) == (bad, AttributeError)


def test_a_state_file_without_any_savable_world_is_valid_and_empty() -> None:
    bad = busy_world()
    bad.journal = None  # type: ignore[assignment]  # a defect, whatever it may be
    found = finish(writing([bad], lambda *_: None))
    assert read_lines(b"".join(found).splitlines()) == []


def test_a_world_of_another_version_in_a_state_file_is_rejected_with_its_key() -> None:
    older = {"format": "payments-sandbox/world", "version": 99}
    (kept,) = read_lines(sealed(HEAD, ["sk_test_checkout", 0, 0, older]))

    with pytest.raises(NoStateError) as refused:
        finish(kept.restoring(server_context()))
    assert str(refused.value) == (
        "the world of sk_test_checkout: /version: expected a snapshot of format"
        " payments-sandbox/world, version 4. This one has version 99, so only the release of"
        " payments-sandbox that made it can read it."
    )


KEY = "sk_test_checkout"


@for_each(
    "row",
    [
        {},
        None,
        7,
        "row",
        [KEY, 0, 0],
        [KEY, 0, 0, {}, {}],
        [KEY, 0, 0, None],
        [KEY, 0, 0, []],
        [KEY, 0, "x", {}],
        [KEY, None, 0, {}],
        [KEY, 0, 1.5, {}],
        [KEY, -1, 0, {}],
        [KEY, 0, LAST + 1, {}],
        ["sk_live_checkout", 0, 0, {}],
        ["", 0, 0, {}],
        [KEY + "\n", 0, 0, {}],
        [None, 0, 0, {}],
    ],
    show=repr,
)
def test_an_invalid_row_in_a_sealed_state_file_is_rejected_with_its_line(row: object) -> None:
    """Anybody can seal what they have written by hand."""
    good = ["sk_test_other", 0, 0, {}]
    with pytest.raises(NoStateError) as refused:
        read_lines(sealed(HEAD, good, row))
    assert str(refused.value) == (
        "line 3: expected [API key, created at, used at, snapshot], and each key once"
    )


def test_a_state_file_with_two_worlds_of_one_key_is_rejected() -> None:
    row = [KEY, 0, 0, {}]
    with pytest.raises(NoStateError, match=r"^line 3: .*each key once$"):
        read_lines(sealed(HEAD, row, row))


def test_a_sealed_state_file_with_a_line_that_is_not_json_is_rejected() -> None:
    """The seal is over bytes, whatever they are."""
    head = json.dumps(HEAD).encode()
    seal = sha256(head + b"{").hexdigest()
    end = json.dumps({"worlds": 1, "sha256": seal}).encode()
    with pytest.raises(NoStateError, match=r"^line 2: "):
        read_lines([head, b"{", end])
