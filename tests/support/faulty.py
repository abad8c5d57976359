"""Owns one case of every example of a wire fault, and the card or scenario that brings it about."""

from typing import Final

from payments_sandbox.rules.faults import FAULTS
from payments_sandbox.rules.faults.fault import Example, Fault
from payments_sandbox.rules.faults.reply import RealReply, WaitUntil
from payments_sandbox.rules.magic_cards import paid_with
from payments_sandbox.rules.model import CardRule, Per, RequestRule, Step, Then
from payments_sandbox.rules.scenario import Scenario
from tests.support.numbers import of_length
from tools.faults import spelling

IMPATIENCE: Final = 0.6
"""Seconds that clients wait where a fault lasts longer."""

CASES: Final[dict[str, tuple[type[Fault], Example]]] = {
    spelling(fault, example): (fault, example) for fault in FAULTS for example in fault.EXAMPLES
}
"""Every example by how scenarios spell it, without `commit`."""

SPELLINGS: Final = tuple(CASES)


def fault_of(spelled: str, *, commit: bool = True) -> Fault:
    """The fault that a spelling is."""
    fault, example = CASES[spelled]
    plain = {**example.plain, "commit": commit} if fault.may_commit() else example.plain
    return fault.parse(plain, is_read=False)


def lasts(fault: Fault) -> float:
    """Wall seconds that a fault takes where the server allows a minute."""
    reply = RealReply(201, {}, b'{"id":"pay_1"}', max_wait=60_000)
    waits = [each.milliseconds for each in fault.plan(reply) if isinstance(each, WaitUntil)]
    return max(waits, default=0) / 1_000


def card_of(spelled: str, *, commit: bool = True) -> str:
    """The card that meets this fault."""
    return of_length(f"40000098{int(commit)}{SPELLINGS.index(spelled):02}", 16)


def faulty_cards() -> tuple[CardRule, ...]:
    """The rules of those cards."""
    return tuple(
        RequestRule(
            f"card:{spelled}",
            "create_payment",
            paid_with(card_of(spelled, commit=commit)),
            (Step(fault_of(spelled, commit=commit)),),
            Per.CUSTOMER,
            Then.REPEAT_LAST,
        )
        for commit in (True, False)
        for spelled in SPELLINGS
    )


def faulty(fault: Fault) -> Scenario:
    """A scenario in which every call meets one fault."""
    rule = RequestRule("faulty", "*", (), (Step(fault),), then=Then.REPEAT_LAST)
    return Scenario("faulty", {}, rules=(rule,))
