"""The kinds of findings of the audit: each has its own file and a row below."""

from typing import Final

from payments_sandbox.verification.findings.blind_retry import BLIND_RETRY
from payments_sandbox.verification.findings.card_number_leak import CARD_NUMBER_LEAK
from payments_sandbox.verification.findings.duplicate_handled_twice import DUPLICATE_HANDLED_TWICE
from payments_sandbox.verification.findings.finding import FindingKind
from payments_sandbox.verification.findings.forged_delivery_accepted import (
    FORGED_DELIVERY_ACCEPTED,
)
from payments_sandbox.verification.findings.ignored_rate_limit import IGNORED_RATE_LIMIT
from payments_sandbox.verification.findings.paging_ignored import PAGING_IGNORED
from payments_sandbox.verification.findings.polling_too_fast import POLLING_TOO_FAST
from payments_sandbox.verification.findings.possible_double_charge import POSSIBLE_DOUBLE_CHARGE
from payments_sandbox.verification.findings.possible_double_refund import POSSIBLE_DOUBLE_REFUND
from payments_sandbox.verification.findings.stale_delivery_accepted import STALE_DELIVERY_ACCEPTED

FINDING_KINDS: Final[tuple[FindingKind, ...]] = (
    POSSIBLE_DOUBLE_CHARGE,
    POSSIBLE_DOUBLE_REFUND,
    BLIND_RETRY,
    IGNORED_RATE_LIMIT,
    CARD_NUMBER_LEAK,
    FORGED_DELIVERY_ACCEPTED,
    STALE_DELIVERY_ACCEPTED,
    DUPLICATE_HANDLED_TWICE,
    PAGING_IGNORED,
    POLLING_TOO_FAST,
)
"""Every kind, in the order in which findings are listed."""
