"""The kinds of expectations of a scenario: each has its own file and a row below."""

from typing import Final

from payments_sandbox.core.instants import read_duration
from payments_sandbox.rules.conditions import parse_when
from payments_sandbox.rules.scenario import Expectation
from payments_sandbox.rules.schema_parts import Json
from payments_sandbox.verification.expectations.audit import AUDIT
from payments_sandbox.verification.expectations.expectation import ExpectationKind
from payments_sandbox.verification.expectations.order import ORDER
from payments_sandbox.verification.expectations.payments import PAYMENTS
from payments_sandbox.verification.expectations.refunds import REFUNDS
from payments_sandbox.verification.expectations.request import REQUEST
from payments_sandbox.verification.expectations.retries import RETRIES
from payments_sandbox.verification.expectations.rules import RULES
from payments_sandbox.verification.expectations.webhook import WEBHOOK

EXPECTATION_KINDS: Final[tuple[ExpectationKind, ...]] = (
    REQUEST, RETRIES, ORDER, PAYMENTS, REFUNDS, WEBHOOK, AUDIT, RULES,
)  # fmt: skip
"""Every kind, in the order in which their keys are looked for in a mapping."""


def kind_of(plain: Json) -> ExpectationKind:
    """The kind of an expectation, by the first key found; the schema ensures that there is one."""
    return next(kind for kind in EXPECTATION_KINDS if kind.key in plain)


def parse_expectation(plain: Json) -> Expectation:
    """Parse an expectation from a mapping of the right shape."""
    kind = kind_of(plain)
    conditions = () if kind.matchers is None else parse_when(plain.get(kind.matchers))
    within = read_duration(plain.get("within", "0s"))
    return Expectation(kind.parse(plain), plain, within, conditions)
