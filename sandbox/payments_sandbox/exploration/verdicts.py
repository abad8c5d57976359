"""Owns the words for what has become of a run, and what each means."""

from enum import StrEnum
from typing import Final


class RunVerdict(StrEnum):
    """What has become of a run; the worst comes first."""

    DOUBLE_CHARGE = "double_charge"
    REFUNDED_TWICE = "refunded_twice"
    LOST_PAYMENT = "lost_payment"
    PHANTOM_SUCCESS = "phantom_success"
    ACCEPTED_FORGERY = "accepted_forgery"
    HANDLED_TWICE = "handled_twice"
    HANG = "hang"
    CRASH = "crash"
    TOLD = "told"
    SURVIVED = "survived"

    @property
    def is_well(self) -> bool:
        """Whether no money was lost, and the flow says truly how it went."""
        return self in {RunVerdict.TOLD, RunVerdict.SURVIVED}


MEANINGS: Final = {
    RunVerdict.DOUBLE_CHARGE: "a customer has paid more than without the failure",
    RunVerdict.REFUNDED_TWICE: "a customer was given back more than without the failure",
    RunVerdict.LOST_PAYMENT: "money has moved, and the command says that it has not",
    RunVerdict.PHANTOM_SUCCESS: "no money has moved, and the command says that it has",
    RunVerdict.ACCEPTED_FORGERY: "a webhook that should have been refused was taken",
    RunVerdict.HANDLED_TWICE: "a webhook that came twice has had its effect twice",
    RunVerdict.HANG: "the command did not end within its time",
    RunVerdict.CRASH: "the command broke down instead of handling the failure",
    RunVerdict.TOLD: "the command has failed, and says so; the ledger agrees",
    RunVerdict.SURVIVED: "all is as without the failure",
}
"""What each says, in a clause."""

UNWELL: Final = tuple(each for each in RunVerdict if not each.is_well)
"""The verdicts that are findings, which a user may accept by name."""
