"""Owns what the scenario of a finding expects, so that `run` fails for as long as the bug is there.

It is what the ledger says where nothing fails. A command that fails or crashes makes `run` fail by
its own exit code, and needs no expectation.
"""

from collections.abc import Iterator
from typing import Any, Final

from payments_sandbox.exploration.calls import NOBODY
from payments_sandbox.exploration.findings import JudgedRun
from payments_sandbox.exploration.judge import Oracle, customers_money
from payments_sandbox.exploration.run_record import Money
from payments_sandbox.exploration.verdicts import RunVerdict

_MONEY: Final = frozenset(
    {
        RunVerdict.DOUBLE_CHARGE,
        RunVerdict.REFUNDED_TWICE,
        RunVerdict.PHANTOM_SUCCESS,
        RunVerdict.HANDLED_TWICE,
    }
)
_CHARGED: Final = ["completed", "pending"]


def expected(run: JudgedRun, oracle: Oracle) -> list[dict[str, Any]]:
    """List the expectations that a run which went wrong does not meet."""
    if run.verdict is RunVerdict.ACCEPTED_FORGERY:
        return [_refused(run)]
    if run.verdict not in _MONEY:
        return []
    return list(_of_money(run, oracle)) or [{"audit": "clean"}]


def _refused(run: JudgedRun) -> dict[str, Any]:
    for each in run.planned.injections:
        if each.failure.id == "forged":
            return {"webhook": each.name.what, "forged": "refused"}
    return {"audit": "clean"}


def _of_money(run: JudgedRun, oracle: Oracle) -> Iterator[dict[str, Any]]:
    """Expect the totals that there are without the failure, where they differ."""
    usual, now = customers_money(oracle.money, oracle), customers_money(run.record.money(), oracle)
    for customer, currency in sorted({*usual, *now}):
        before = usual.get((customer, currency), Money())
        money = now.get((customer, currency), Money())
        whose = _whose(customer, oracle) | {"currency": currency}
        if money.charged != before.charged:
            yield {"payments": whose | {"status": _CHARGED}, "total": before.charged}
        if money.refunded != before.refunded:
            yield {"refunds": whose, "total": before.refunded}


def _whose(customer: str, oracle: Oracle) -> dict[str, Any]:
    if not oracle.by_customer:
        return {}
    return {"customer_id": {"exists": False} if customer == NOBODY else customer}
