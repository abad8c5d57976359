"""The fault `hang`: how long the silence lasts."""

from payments_sandbox.rules.faults.hang import Hang
from payments_sandbox.rules.faults.reply import Close, WaitUntil
from tests.support.values import REAL_REPLY


def test_hang_waits_for_its_duration_up_to_the_maximum_wait() -> None:
    """Without a duration it waits for the maximum."""
    for lasts, waited in ((None, 60_000), (2_000, 2_000), (90_000, 60_000)):
        assert list(Hang(commit=True, lasts=lasts).plan(REAL_REPLY)) == [WaitUntil(waited), Close()]


def test_hang_needs_commit_and_its_reply_never_arrives() -> None:
    """A scenario has to say whether the call happens; its effects do not wait for the client."""
    assert (Hang.reply_arrives, Hang.needs_commit, Hang.starts_silent) == (False, True, True)
