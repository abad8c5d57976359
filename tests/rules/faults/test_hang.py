"""The fault `hang`: how long the silence lasts."""

from payments_sandbox.rules.faults.hang import Hang
from payments_sandbox.rules.faults.reply import Close, WaitUntil
from tests.support.values import REAL_REPLY


def test_a_silence_lasts_as_long_as_it_says_up_to_the_cap() -> None:
    """Without a time of its own it lasts as long as the cap allows."""
    for lasts, waited in ((None, 60_000), (2_000, 2_000), (90_000, 60_000)):
        assert list(Hang(commit=True, lasts=lasts).plan(REAL_REPLY)) == [WaitUntil(waited), Close()]
