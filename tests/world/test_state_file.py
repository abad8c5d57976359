"""Holds a server at rest to its seal: all of it comes back, or nothing does."""

import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.core.instants import Instant
from payments_sandbox.world.snapshot import snapshot
from payments_sandbox.world.state_file import NoStateError, lines_of, read_lines
from payments_sandbox.world.world import World
from tests.support.bodies import documented_create
from tests.support.in_process import Desk, new_world, server_context


def busy_world() -> World:
    """A world with a payment, used some time after it was made."""
    world = new_world()
    world.used_at = Instant(world.used_at + 5)
    Desk(world).ask("create_payment", documented_create())
    return world


def sealed(*lines: object) -> list[bytes]:
    """Lines of JSON with an end that seals them."""
    opened = [json.dumps(line).encode() for line in lines]
    seal = sha256(b"".join(opened)).hexdigest()
    return [*opened, json.dumps({"worlds": len(lines) - 1, "sha256": seal}).encode()]


def test_all_of_it_comes_back() -> None:
    """Keys, times and worlds are as they were."""
    busy = busy_world()
    (kept,) = read_lines(line + b"\n" for line in lines_of([busy]))
    back = kept.restored(server_context())

    assert (back.config, back.used_at) == (busy.config, busy.used_at)
    assert snapshot(back) == snapshot(busy)


@given(st.data())
def test_a_torn_state_is_none(data: st.DataObject) -> None:
    """Wherever it ends early, or one byte is another."""
    whole = b"\n".join(lines_of([busy_world(), new_world(seed=8)]))
    cut = data.draw(st.integers(0, len(whole) - 1))
    other = bytes([whole[cut] ^ data.draw(st.integers(1, 255))])
    for spoiled in (whole[:cut], whole[:cut] + other + whole[cut + 1 :]):
        with pytest.raises(NoStateError):
            read_lines(spoiled.split(b"\n"))


def test_a_world_of_another_version() -> None:
    """The refusal names the world by the start of its key, and what was expected."""
    head = {"format": "payments-sandbox/state", "version": 1}
    (kept,) = read_lines(sealed(head, ["sk_test_checkout", 0, 0, {"version": 99}]))

    with pytest.raises(NoStateError) as refused:
        kept.restored(server_context())
    assert str(refused.value) == (
        "the world of sk_test_chec…: /version: expected a snapshot of format"
        " payments-sandbox/world, version 3."
    )
