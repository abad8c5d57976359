"""The fault `drop`: how the connection ends."""

from payments_sandbox.rules.faults.drop import Drop
from payments_sandbox.rules.faults.reply import Close, Reset
from tests.support.values import REAL_REPLY


def test_drop_sends_nothing_and_closes_with_fin_or_rst() -> None:
    """The default is a FIN."""
    assert list(Drop(commit=True).plan(REAL_REPLY)) == [Close()]
    assert list(Drop(commit=True, how="reset").plan(REAL_REPLY)) == [Reset()]


def test_drop_needs_commit_and_its_reply_never_arrives() -> None:
    """A scenario has to say whether the call happens; the client sees the end at once."""
    assert (Drop.reply_arrives, Drop.needs_commit, Drop.starts_silent) == (False, True, False)
