"""Owns one case of every wire fault, and the card or scenario that brings it about."""

from typing import Final

from payments_sandbox.rules.faults.drip import Drip
from payments_sandbox.rules.faults.drop import Drop
from payments_sandbox.rules.faults.fault import Fault
from payments_sandbox.rules.faults.hang import Hang
from payments_sandbox.rules.faults.malform import Malform, Malformation
from payments_sandbox.rules.faults.respond_raw import RespondRaw
from payments_sandbox.rules.faults.truncate import Truncate
from payments_sandbox.rules.magic_cards import paid_with
from payments_sandbox.rules.model import CardRule, Per, RequestRule, Step, Then
from payments_sandbox.rules.scenario import Scenario
from tests.support.numbers import of_length

DRIP: Final = Drip(over=900, chunks=30)
"""Longer than `IMPATIENCE` in all, each gap far shorter."""

IMPATIENCE: Final = 0.6
"""Seconds that clients wait where a fault lets them wait."""


def spelt(*, commit: bool) -> dict[str, Fault]:
    """Every fault as scenarios spell it, without `commit`."""
    malformed: dict[str, Fault] = {
        f"malform: {{as: {how}}}": Malform(commit, how) for how in Malformation
    }
    return {
        "drop: {how: close}": Drop(commit, "close"),
        "drop: {how: reset}": Drop(commit, "reset"),
        "hang: {}": Hang(commit),
        "truncate: {keep: 40%}": Truncate(commit, 40),
        "truncate: {in: headers}": Truncate(commit, part="headers"),
        **malformed,
        "drip: {over: 900ms, chunks: 30}": DRIP,
        "respond_raw: {status: 503}": RespondRaw(
            503, {"Content-Type": "text/plain", "Retry-After": "7"}, "busy", commit
        ),
    }


SPELLINGS: Final = tuple(spelt(commit=True))


def card_of(spelling: str, *, commit: bool = True) -> str:
    """The card that meets this fault."""
    return of_length(f"40000098{int(commit)}{SPELLINGS.index(spelling):02}", 16)


def faulty_cards() -> tuple[CardRule, ...]:
    """The rules of those cards."""
    return tuple(
        RequestRule(
            f"card:{spelling}",
            "create_payment",
            paid_with(card_of(spelling, commit=commit)),
            (Step(fault),),
            Per.CUSTOMER,
            Then.REPEAT_LAST,
        )
        for commit in (True, False)
        for spelling, fault in spelt(commit=commit).items()
    )


def faulty(fault: Fault) -> Scenario:
    """A scenario in which every call meets one fault."""
    rule = RequestRule("faulty", "*", (), (Step(fault),), then=Then.REPEAT_LAST)
    return Scenario("faulty", {}, rules=(rule,))
