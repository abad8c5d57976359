"""Owns the words for what has become of a run, and what each means."""

from enum import StrEnum
from typing import Final, Self


class RunVerdict(StrEnum):
    """What has become of a run; the worst comes first.

    Attributes:
        mark: its letter in the matrix that a terminal shows.
        meaning: what it says, in a clause.
    """

    mark: str
    meaning: str

    def __new__(cls, word: str, mark: str, meaning: str) -> Self:
        """Make a verdict from its row."""
        verdict = str.__new__(cls, word)
        verdict._value_ = word
        verdict.mark = mark
        verdict.meaning = meaning
        return verdict

    DOUBLE_CHARGE = "double_charge", "D", "a customer has paid more than without the failure"
    REFUNDED_TWICE = (
        "refunded_twice",
        "R",
        "a customer was given back more than without the failure",
    )
    LOST_PAYMENT = "lost_payment", "L", "money has moved, and the command says that it has not"
    PHANTOM_SUCCESS = "phantom_success", "P", "no money has moved, and the command says that it has"
    ACCEPTED_FORGERY = "accepted_forgery", "F", "a webhook that should have been refused was taken"
    HANDLED_TWICE = "handled_twice", "W", "a webhook that came twice has had its effect twice"
    HANG = "hang", "H", "the command did not end within its time"
    CRASH = "crash", "C", "the command broke down instead of handling the failure"
    TOLD = "told", "t", "the command has failed, and says so; the ledger agrees"
    SURVIVED = "survived", "·", "all is as without the failure"

    @property
    def is_well(self) -> bool:
        """Whether no money was lost, and the flow says truly how it went."""
        return self in {RunVerdict.TOLD, RunVerdict.SURVIVED}


UNWELL: Final = tuple(each for each in RunVerdict if not each.is_well)
"""The verdicts that are findings, which a user may accept by name."""
