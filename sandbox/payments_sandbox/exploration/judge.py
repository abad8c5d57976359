"""Owns the verdict of a run: what the flow says, compared with the ledger without a failure.

1. Facts of the ledger and the audit come first: more charged, more refunded, a forgery accepted. Of
   several verdicts the worst counts, and the others are evidence.
2. If the flow says "well", its money is compared with that of the run without a failure. If some is
   missing, it is a phantom success.
3. If the flow says "not well", that may be right. But it is a lost payment if money has moved: if a
   write took effect whose reply was lost, and the flow has not looked for it afterwards; or if all
   money has moved as without a failure.
4. Otherwise it has crashed, if a signal or a stack trace shows so, or it has told the truth. A flow
   that crashes at a reply that cannot be read has crashed, whether money has moved or not.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple, Self

from payments_sandbox.contract.operations import READS
from payments_sandbox.exploration.failures import UNREADABLE, Failure, WebhookFailure
from payments_sandbox.exploration.run_record import (
    FlowEnd,
    Money,
    OrderName,
    RunRecord,
    SeenCall,
    WorldRecord,
)
from payments_sandbox.payments.events import EventType


class RunVerdict(StrEnum):
    """The verdict of a run; the worst come first.

    Attributes:
        mark: its letter in the matrix on a terminal.
        meaning: its meaning, in a clause.
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
        "a customer was refunded more than without the failure",
    )
    LOST_PAYMENT = "lost_payment", "L", "money has moved, but the command says that it has not"
    PHANTOM_SUCCESS = "phantom_success", "P", "no money has moved, but the command says that it has"
    ACCEPTED_FORGERY = (
        "accepted_forgery",
        "F",
        "a webhook that should have been rejected was accepted",
    )
    HANDLED_TWICE = "handled_twice", "W", "a webhook that was delivered twice took effect twice"
    HANG = "hang", "H", "the command did not finish in time"
    CRASH = "crash", "C", "the command crashed instead of handling the failure"
    TOLD = "told", "t", "the command failed and says so; the ledger agrees"
    SURVIVED = "survived", "·", "everything is the same as without the failure"

    @property
    def is_well(self) -> bool:
        """Whether no money was lost, and what the flow says is true."""
        return self in {RunVerdict.TOLD, RunVerdict.SURVIVED}


UNWELL: Final = tuple(each for each in RunVerdict if not each.is_well)
"""The verdicts that are findings, and that a user may accept by name."""


_EXIT: Final = re.compile(r"exit (\d+)")

CustomersMoney = dict[tuple[str, str], Money]
"""What was charged and refunded, by customer and currency."""


class ReasonedVerdict(NamedTuple):
    """The worst true verdict, sentences with the evidence, and advice."""

    verdict: RunVerdict
    evidence: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()


class Signs(NamedTuple):
    """The signs by which a flow says what it knows about its payments.

    Attributes:
        told_by: the sign that money may have moved: `exit N`, or words in its output; None if it
            has none.
        refusal_codes: the exit codes with which it has truly said that a payment was rejected.
    """

    told_by: str | None = None
    refusal_codes: frozenset[int] = frozenset()


class Oracle(NamedTuple):
    """The money that moves if nothing fails.

    Attributes:
        money: the money of each order in the run without a failure.
        by_customer: whether customers are the same in every run; otherwise totals are compared.
        by_order: whether orders are the same in every run.
    """

    money: Mapping[OrderName, Money]
    by_customer: bool = True
    by_order: bool = True


def judge(
    record: RunRecord,
    oracle: Oracle,
    failures: tuple[Failure, ...],
    signs: Signs = Signs(),  # noqa: B008 - it is immutable
) -> ReasonedVerdict:
    """Judge a run that has met these failures."""
    found = list(_verdicts_of_facts(record, oracle, failures))
    if record.end.reports_success:
        found += _missing_money(record, oracle)
    else:
        found.append(_verdict_of_failure(record, oracle, failures, signs))
    if not found:
        return ReasonedVerdict(RunVerdict.SURVIVED)
    order = list(RunVerdict)
    found.sort(key=lambda each: order.index(each[0]))
    evidence = tuple(dict.fromkeys(why for _, why in found))
    verdict = found[0][0]
    advice = [each.kind.advice for each in record.audit()]
    if verdict is RunVerdict.LOST_PAYMENT:
        lost = [_ADVICE_FOR_LOST[each.operation] for each in _unnoticed_writes(record)]
        advice += lost or list(_advice_about_webhooks(failures))
    return ReasonedVerdict(verdict, evidence, tuple(dict.fromkeys(advice)))


_ADVICE_FOR_LOST: Final = {
    "create_payment": (
        "Before you report that nothing was paid, list the customer's payments: one whose reply"
        " was lost may be among them."
    ),
    "create_refund": (
        "Refunds cannot be looked up: wait for refund.created, and if it does not arrive, report"
        " that the outcome is unknown (explore --told-by names how you report it)."
    ),
}
"""Advice for a write whose reply was lost, by its operation."""

_OF_ORDER: Final = frozenset({"before_reply", "out_of_order", "twice"})
"""The failures of webhooks that all arrive, but not each once and in the order of their events."""


def _advice_about_webhooks(failures: tuple[Failure, ...]) -> Iterator[str]:
    """Yield advice for a flow whose replies all arrived, and that a webhook has misled."""
    for failure in failures:
        if isinstance(failure, WebhookFailure) and failure.name in _OF_ORDER:
            yield (
                "Webhooks may arrive twice, before the reply and in any order: do not let the last"
                " one to arrive decide. Look the payment up, or accept only steps that lead forward"
                " from what you know already."
            )
        elif isinstance(failure, WebhookFailure):
            yield (
                "A webhook may come late or never: do not report failure only because it is"
                " missing. The reply of the API has already said what happened."
            )


_VerdictWithEvidence = tuple[RunVerdict, str]


def _verdicts_of_facts(
    record: RunRecord, oracle: Oracle, failures: tuple[Failure, ...]
) -> Iterator[_VerdictWithEvidence]:
    """Yield verdicts from the ledger and the audit, whatever the flow says."""
    is_duplicate = any(
        isinstance(each, WebhookFailure) and each.name == "twice" for each in failures
    )
    for verdict, why in _excess_money(record, oracle):
        yield (RunVerdict.HANDLED_TWICE if is_duplicate else verdict), why
    for finding in record.audit():
        if finding.kind.name in _VERDICT_OF_FINDING:
            yield _VERDICT_OF_FINDING[finding.kind.name], finding.message


_VERDICT_OF_FINDING: Final = {
    "forged_delivery_accepted": RunVerdict.ACCEPTED_FORGERY,
    "stale_delivery_accepted": RunVerdict.ACCEPTED_FORGERY,
    "duplicate_handled_twice": RunVerdict.HANDLED_TWICE,
}
"""The findings of the audit that become verdicts; money is judged by the ledger."""


def _excess_money(record: RunRecord, oracle: Oracle) -> Iterator[_VerdictWithEvidence]:
    """Find what was charged or refunded beyond the run without a failure."""
    usual, now = customers_money(oracle.money, oracle), customers_money(record.money(), oracle)
    reported: set[str] = set()
    for (customer, currency), money in now.items():
        before = usual.get((customer, currency), Money())
        if _is_more(money, before):
            reported.add(customer)
            yield RunVerdict.DOUBLE_CHARGE, _paid_text(customer, currency, money, before)
        elif money.refunded - before.refunded > max(0, money.charged - before.charged):
            yield RunVerdict.REFUNDED_TWICE, _refunded_text(customer, currency, money, before)
    for order, money in record.money().items() if oracle.by_order else ():
        before = oracle.money.get(order, money)
        if _is_more(money, before) and order.customer not in reported:
            whose = f"For '{order.description}' {order.customer or 'somebody'}"
            yield RunVerdict.DOUBLE_CHARGE, _paid_text(whose, order.currency, money, before)


def _missing_money(record: RunRecord, oracle: Oracle) -> Iterator[_VerdictWithEvidence]:
    """Find what is missing although the flow says that all went well."""
    now = customers_money(record.money(), oracle)
    for (customer, currency), before in customers_money(oracle.money, oracle).items():
        money = now.get((customer, currency), Money())
        if money.charged < before.charged:
            yield RunVerdict.PHANTOM_SUCCESS, _paid_text(customer, currency, money, before)
        elif money.refunded < before.refunded:
            yield RunVerdict.PHANTOM_SUCCESS, _refunded_text(customer, currency, money, before)
    for unmet in (each for world in record.worlds for each in world.unmet):
        yield RunVerdict.PHANTOM_SUCCESS, f"An expectation is not met: {unmet}."


def _is_more(money: Money, before: Money) -> bool:
    """Whether more was charged and not refunded."""
    return money.charged > before.charged and money.net > before.net


def _paid_text(customer: str, currency: str, money: Money, before: Money) -> str:
    whose = customer or "The customers together"
    return f"{whose} paid {money.charged} {currency}, but {before.charged} without the failure."


def _refunded_text(customer: str, currency: str, money: Money, before: Money) -> str:
    whose, usual = customer or "The customers together", before.refunded
    return f"{whose} got back {money.refunded} {currency}, but {usual} without the failure."


def is_refusal(record: RunRecord) -> bool:
    """Whether a flow says by its exit code that nothing was charged, and can know that."""
    end = record.end
    is_word = not (end.reports_success or end.timed_out or end.crash)
    return is_word and not any(call.is_unknown and call.about for call in record.calls())


def _verdict_of_failure(
    record: RunRecord, oracle: Oracle, failures: tuple[Failure, ...], signs: Signs
) -> _VerdictWithEvidence:
    """Judge a flow that says that it failed."""
    end = record.end
    if end.timed_out:
        return RunVerdict.HANG, "It was still running at its timeout, and was ended."
    how = end.crash or f"exit status {end.exit_code}"
    if signs.told_by is not None and gives_sign(end, signs.told_by):
        return RunVerdict.TOLD, f"It says that money may have moved ({signs.told_by})."
    if end.crash is not None and any(each.name in UNREADABLE for each in failures):
        return RunVerdict.CRASH, f"It crashed on an unreadable reply: {end.crash}."
    if end.crash is None and _is_honest_doubt(record, signs.refusal_codes):
        why = f"It looked for the payment in vain, and reports neither success nor failure ({how})."
        return RunVerdict.TOLD, why
    return _lost_or_not(record, oracle, how)


def _is_honest_doubt(record: RunRecord, refusal_codes: frozenset[int]) -> bool:
    """Whether a flow has tried to find out about each lost reply, and reports doubt by exit code.

    A flow that reports "not paid" with its usual exit code is not aware of the doubt.
    """
    lost = [
        world.calls[place + 1 :]
        for world in record.worlds
        for place, call in enumerate(world.calls)
        if call.is_unknown and call.committed
    ]
    has_own_code = bool(refusal_codes) and record.end.exit_code not in refusal_codes
    return has_own_code and bool(lost) and all(map(_last_read_failed, lost))


def _last_read_failed(after: tuple[SeenCall, ...]) -> bool:
    """Whether the flow has tried to read the payment, and its last attempt failed."""
    looks = [call for call in after if call.operation in READS]
    return bool(looks) and not looks[-1].is_success


def _lost_or_not(record: RunRecord, oracle: Oracle, how: str) -> _VerdictWithEvidence:
    """Decide whether money has moved although the flow says it failed, or else how it failed."""
    if unseen := list(_unnoticed_writes(record)):
        what = "; ".join(f"{call.operation} of {call.about}" for call in unseen)
        why = f"The ledger contains {what}, whose reply was lost, but the command failed ({how})."
        return RunVerdict.LOST_PAYMENT, why
    now = customers_money(record.money(), oracle)
    if now and now == customers_money(oracle.money, oracle):
        why = f"All money moved as without the failure, but the command failed ({how})."
        return RunVerdict.LOST_PAYMENT, why
    if record.end.crash is not None:
        return RunVerdict.CRASH, f"It crashed: {how}."
    return RunVerdict.TOLD, f"It says that it failed ({how}), and the ledger agrees."


def _unnoticed_writes(record: RunRecord) -> Iterator[SeenCall]:
    """Yield writes that took effect, whose reply was lost, and that nobody has looked for since."""
    for world in record.worlds:
        for place, call in enumerate(world.calls):
            if call.committed and call.is_unknown and not _was_noticed(call, world, place):
                yield call


def _was_noticed(write: SeenCall, world: WorldRecord, place: int) -> bool:
    """Whether the flow has learnt later that a write took effect."""
    if write.operation == "create_refund":  # it cannot be looked up
        told = (each for each in world.webhooks if each.event == EventType.REFUND_CREATED)
        return any(each.is_delivered and each.payment_id == write.payment_id for each in told)
    return any(
        each.operation == "list_payments"
        or (each.operation == "retrieve_payment" and each.payment_id == write.payment_id)
        for each in world.calls[place + 1 :]
        if each.is_success
    )


def gives_sign(end: FlowEnd, told_by: str) -> bool:
    """Whether a flow has given the sign that money may have moved: `exit N`, or words."""
    if found := _EXIT.fullmatch(told_by):
        return end.exit_code == int(found[1])
    return told_by in end.output


def customers_money(money: Mapping[OrderName, Money], oracle: Oracle) -> CustomersMoney:
    """Sum up money by customer, or altogether if customers differ in every run."""
    charged: Counter[tuple[str, str]] = Counter()
    refunded: Counter[tuple[str, str]] = Counter()
    for order, each in money.items():
        key = order.customer if oracle.by_customer else "", order.currency
        charged[key] += each.charged
        refunded[key] += each.refunded
    return {key: Money(charged[key], refunded[key]) for key in charged}
