"""The fault `drop`: how the connection ends."""

from payments_sandbox.rules.faults.drop import Drop
from payments_sandbox.rules.faults.reply import Close, Reset
from tests.support.values import REAL_REPLY


def test_a_connection_ends_without_a_byte_with_a_fin_or_an_rst() -> None:
    """As the scenario says; a FIN unless told otherwise."""
    assert list(Drop(commit=True).plan(REAL_REPLY)) == [Close()]
    assert list(Drop(commit=True, how="reset").plan(REAL_REPLY)) == [Reset()]


def test_a_dropped_reply_leaves_open_whether_the_call_has_happened() -> None:
    """A scenario has to say it; the client has its end at once."""
    assert (Drop.reply_arrives, Drop.needs_commit, Drop.starts_silent) == (False, True, False)
