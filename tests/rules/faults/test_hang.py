"""The fault `hang`: how long the silence lasts."""

from payments_sandbox.rules.faults.hang import Hang
from payments_sandbox.rules.faults.reply import Close, WaitUntil
from tests.support.values import REAL_REPLY


def test_a_silence_lasts_as_long_as_it_says_up_to_the_cap() -> None:
    """Without a time of its own it lasts as long as the cap allows."""
    for lasts, waited in ((None, 60_000), (2_000, 2_000), (90_000, 60_000)):
        assert list(Hang(commit=True, lasts=lasts).plan(REAL_REPLY)) == [WaitUntil(waited), Close()]


def test_a_client_that_hangs_cannot_know_whether_its_call_has_happened() -> None:
    """A scenario has to say it; what the call sets off does not wait for the client."""
    assert (Hang.reply_arrives, Hang.needs_commit, Hang.starts_silent) == (False, True, True)
