"""Owns the calls about worlds: their state, time, limits and payments."""

from collections.abc import Mapping, Sequence
from typing import Any

from payments_sandbox.client.exchange import question, read, segment
from payments_sandbox.client.models.objects import Page
from payments_sandbox.client.models.responses import (
    AdvancedClockResponse,
    ChargebackResponse,
    ClockResponse,
    ControlledPaymentResponse,
    RateLimitResponse,
    WorldResponse,
)
from payments_sandbox.client.sync.caller import Caller


class WorldCalls(Caller):
    """The world, its clock, its limiter, its payments."""

    def create_world(
        self,
        *,
        api_key: str | None = None,
        seed: int | None = None,
        clock: str | None = None,
        rate_limit: Mapping[str, int] | None = None,
        scenarios: Sequence[str | Mapping[str, object]] | None = None,
    ) -> WorldResponse:
        """Make a world; `clock` is an ISO 8601 instant to stand still at, or `live`."""
        body = {
            "api_key": api_key,
            "seed": seed,
            "clock": clock,
            "rate_limit": rate_limit,
            "scenarios": scenarios,
        }
        return self._tell(WorldResponse, "POST", "/worlds", body)

    def retrieve_world(self) -> WorldResponse:
        """The world in numbers."""
        return self._get(WorldResponse, "/world")

    def delete_world(self) -> None:
        """Drop the world, and end whatever waits in it."""
        self._drop("/world")

    def reset_world(self, *, only: Sequence[str] | None = None) -> WorldResponse:
        """Put the world, or some parts of it, back to how it was made."""
        return self._tell(WorldResponse, "POST", "/world/reset", {"only": only})

    def seed_world(
        self,
        payments: int,
        *,
        customers: int | None = None,
        over: str | None = None,
        seed: int | None = None,
    ) -> WorldResponse:
        """Fill the world with payments of the past, `over` a duration such as 30d until now."""
        body = {"payments": payments, "customers": customers, "over": over, "seed": seed}
        return self._tell(WorldResponse, "POST", "/world/seed", body)

    def retrieve_snapshot(self) -> dict[str, Any]:
        """The whole world."""
        return self._get(dict[str, Any], "/world/snapshot")

    def restore_snapshot(self, snapshot: Mapping[str, Any]) -> WorldResponse:
        """Put a snapshot in the world's place."""
        asked = question("PUT", "/world/snapshot", body=snapshot)  # whole: a null in it means one
        return read(WorldResponse, asked, self._line.ask(asked))

    # Time

    def retrieve_clock(self) -> ClockResponse:
        """Now, the mode, and what is due next."""
        return self._get(ClockResponse, "/clock")

    def freeze_clock(self, *, at: str | None = None) -> ClockResponse:
        """Stop the clock, now or at a later instant."""
        return self._tell(ClockResponse, "POST", "/clock/freeze", {"at": at})

    def advance_clock(
        self, *, by: str | None = None, to: str | None = None, next: bool | None = None
    ) -> AdvancedClockResponse:
        """Move the clock, and answer when all that became due has happened, webhooks too."""
        body = {"by": by, "to": to, "next": next}
        return self._tell(AdvancedClockResponse, "POST", "/clock/advance", body)

    def resume_clock(self) -> ClockResponse:
        """Let the clock run on from the world's now."""
        return self._tell(ClockResponse, "POST", "/clock/resume", {})

    # The rate limit

    def retrieve_rate_limit(self) -> RateLimitResponse:
        """The limit, what remains of this hour, and when it turns in epoch seconds."""
        return self._get(RateLimitResponse, "/rate_limit")

    def set_rate_limit(
        self, *, limit: int | None = None, remaining: int | None = None
    ) -> RateLimitResponse:
        """Change the limit for good, or what remains of this hour."""
        body = {"limit": limit, "remaining": remaining}
        return self._tell(RateLimitResponse, "PUT", "/rate_limit", body)

    # Payments

    def list_payments(
        self, *, limit: int | None = None, starting_after: str | None = None
    ) -> Page[ControlledPaymentResponse]:
        """Payments in full, newest first; asking leaves no trace."""
        return self._get(
            Page[ControlledPaymentResponse], "/payments", limit=limit, starting_after=starting_after
        )

    def complete_payment(self, payment_id: str) -> ControlledPaymentResponse:
        """Complete a pending payment."""
        path = f"/payments/{segment(payment_id)}/complete"
        return self._tell(ControlledPaymentResponse, "POST", path, {})

    def fail_payment(
        self, payment_id: str, *, code: str | None = None
    ) -> ControlledPaymentResponse:
        """Fail a pending payment; `code` is that of a decline."""
        path = f"/payments/{segment(payment_id)}/fail"
        return self._tell(ControlledPaymentResponse, "POST", path, {"code": code})

    def charge_back_payment(
        self, payment_id: str, *, reason: str | None = None, amount: int | None = None
    ) -> ChargebackResponse:
        """Charge a completed payment back; all that is left unless `amount` says less."""
        path = f"/payments/{segment(payment_id)}/chargeback"
        body = {"reason": reason, "amount": amount}
        return self._tell(ChargebackResponse, "POST", path, body)
