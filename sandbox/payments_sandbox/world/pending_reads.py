"""Owns the pending payments that settle when they have been read so many times."""

from collections.abc import Mapping
from typing import Any

from payments_sandbox.core.masking import mask_text
from payments_sandbox.world.timeline import SettlePayment


class Awaited:
    """How many reads are left, by payment, and what happens at the last of them."""

    __slots__ = ("_waits",)

    def __init__(self) -> None:
        self._waits: dict[int, tuple[int, SettlePayment]] = {}

    def __len__(self) -> int:
        return len(self._waits)

    def add(self, reads: int, job: SettlePayment) -> None:
        """Let a payment settle at the nth read from now."""
        self._waits[job.payment] = reads, job

    def read(self, payment: int) -> SettlePayment | None:
        """Count a read of a payment; what it settles by, when this was the last."""
        if payment not in self._waits:
            return None
        left, job = self._waits.pop(payment)
        if left <= 1:
            return job
        self._waits[payment] = left - 1, job
        return None

    def clear(self) -> None:
        """Forget every payment."""
        self._waits.clear()

    def snapshot(self) -> dict[str, list[object]]:
        """The reads that are left, and what then happens, by payment."""
        return {
            str(payment): [left, job.failure, job.rule]
            for payment, (left, job) in self._waits.items()
        }

    def restore(self, kept: Mapping[str, Any], payments: int) -> None:
        """Take over a snapshot of a world with so many payments.

        Raises:
            ValueError, TypeError: it is none, or about a payment that is not there.
        """
        for key, (left, failure, rule) in kept.items():
            payment = int(key)
            if not 0 <= payment < payments:
                raise ValueError("a payment that is read is not there")
            text = None if failure is None else mask_text(failure)
            self.add(int(left), SettlePayment(payment, text, mask_text(rule)))
