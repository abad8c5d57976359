"""The misses of the naive shop on each day: unmet expectations as their files write them."""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Misses(NamedTuple):
    """The mistakes of a day.

    Attributes:
        expectations: the unmet ones, in the order of the file.
        findings: the kinds of findings of the audit, each once.
    """

    expectations: tuple[str, ...]
    findings: tuple[str, ...] = ()


CLEAN: Final = "{audit: clean}"
FIRED: Final = "{rules: all_fired}"
CHARGED_TWICE: Final = ("possible_double_charge", "blind_retry")

NAIVE: Final[Mapping[str, Misses]] = {
    "charged-but-500": Misses(
        (
            "{order: [create_payment, list_payments, create_refund]}",
            "{retries: create_payment, max: 0}",
            "{retries: create_refund, max: 0}",
            CLEAN,
        ),
        ("possible_double_charge", "possible_double_refund", "blind_retry"),
    ),
    "chargeback-wave": Misses(
        (
            "{webhook: chargeback.created, acknowledged: true, attempts: 1, within: 10s}",
            "{request: create_refund, count: 0}",
        )
    ),
    "flaky-network": Misses(
        (
            "{payments: {status: completed}, count: 6}",
            "{retries: create_payment, max: 4, spacing: {min: 200ms}}",
            CLEAN,
            FIRED,
        ),
        CHARGED_TWICE,
    ),
    "forged-webhooks": Misses(
        (
            "{webhook: payment.completed, forged: refused, within: 10s}",
            "{webhook: payment.completed, acknowledged: true, attempts: 2, within: 10s}",
            CLEAN,
        ),
        ("forged_delivery_accepted", "stale_delivery_accepted"),
    ),
    "garbage-from-a-proxy": Misses(
        (
            "{payments: {status: completed}, count: 4}",
            "{retries: create_payment, max: 1, spacing: {min: 200ms}}",
            CLEAN,
        ),
        CHARGED_TWICE,
    ),
    "hourly-quota-exhausted": Misses(
        (
            "{payments: {status: completed}, count: {min: 5}}",
            "{retries: create_payment, max: 1}",
            CLEAN,
        ),
        ("ignored_rate_limit",),
    ),
    "late-decline": Misses(
        (
            "{webhook: payment.failed, acknowledged: true, attempts: 1, within: 10s}",
            "{request: retrieve_payment, count: {min: 1}}",
            "{request: create_refund, count: 0}",
        )
    ),
    "lost-reply": Misses(
        (
            "{order: [create_payment, list_payments]}",
            "{retries: create_payment, max: 0}",
            CLEAN,
        ),
        CHARGED_TWICE,
    ),
    "outage-and-recovery": Misses(
        (
            "{payments: {status: completed}, count: {min: 1}}",
            "{retries: create_payment, max: 2, spacing: {min: 200ms}}",
            "{order: [create_payment, list_payments, create_payment]}",
            CLEAN,
        ),
        ("blind_retry",),
    ),
    "paging-under-load": Misses(
        (
            "{request: list_payments, when: {query.limit: {gte: 50}}, count: {min: 4}}",
            CLEAN,
            FIRED,
        ),
        ("paging_ignored",),
    ),
    "pending-settlement": Misses(
        ("{request: retrieve_payment, count: {min: 2, max: 20}}", CLEAN),
        ("polling_too_fast",),
    ),
    "rate-limit-burst": Misses(
        (
            "{payments: {status: completed}, count: {min: 8}}",
            "{retries: create_payment, max: 1}",
            CLEAN,
        ),
        ("ignored_rate_limit",),
    ),
    "refund-refused": Misses(("{retries: create_refund, max: 0}",)),
    "retry-then-succeed": Misses(
        (
            "{retries: create_payment, max: 3, spacing: {min: 200ms, growth: 1.5}}",
            "{order: [create_payment, list_payments, create_payment]}",
            CLEAN,
        ),
        ("blind_retry",),
    ),
    "secret-rotation": Misses(
        ("{webhook: payment.completed, acknowledged: true, attempts: 1, within: 10s}",)
    ),
    "slow-api": Misses(("{retries: create_payment, max: 0}", CLEAN), CHARGED_TWICE),
    "webhook-before-reply": Misses(
        (
            "{webhook: payment.completed, acknowledged: true, attempts: 1, within: 10s}",
            "{request: retrieve_payment, count: {min: 1}}",
        )
    ),
    "webhook-endpoint-down": Misses(("{request: retrieve_payment, count: {min: 1}}",)),
    "webhook-storm": Misses((CLEAN,), ("duplicate_handled_twice",)),
    "webhooks-out-of-order": Misses(
        ("{webhook: refund.created, acknowledged: true, attempts: 1, within: 10s}",)
    ),
}
