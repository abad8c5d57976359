"""Owns the calls about worlds: their state, time, limits and payments."""

from collections.abc import Mapping, Sequence
from typing import Any

from payments_sandbox.client.aio.caller import AsyncCaller
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


class AsyncWorldCalls(AsyncCaller):
    """The world, its clock, its limiter, its payments."""

    async def create_world(
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
        return await self._tell(WorldResponse, "POST", "/worlds", body)

    async def retrieve_world(self) -> WorldResponse:
        """The world in numbers."""
        return await self._get(WorldResponse, "/world")

    async def delete_world(self) -> None:
        """Drop the world, and end whatever waits in it."""
        await self._drop("/world")

    async def reset_world(self, *, only: Sequence[str] | None = None) -> WorldResponse:
        """Put the world, or some parts of it, back to how it was made."""
        return await self._tell(WorldResponse, "POST", "/world/reset", {"only": only})

    async def seed_world(
        self,
        payments: int,
        *,
        customers: int | None = None,
        over: str | None = None,
        seed: int | None = None,
    ) -> WorldResponse:
        """Fill the world with payments of the past, `over` a duration such as 30d until now."""
        body = {"payments": payments, "customers": customers, "over": over, "seed": seed}
        return await self._tell(WorldResponse, "POST", "/world/seed", body)

    async def retrieve_snapshot(self) -> dict[str, Any]:
        """The whole world."""
        return await self._get(dict[str, Any], "/world/snapshot")

    async def restore_snapshot(self, snapshot: Mapping[str, Any]) -> WorldResponse:
        """Put a snapshot in the world's place."""
        asked = question("PUT", "/world/snapshot", body=snapshot)  # whole: a null in it means one
        return read(WorldResponse, asked, await self._line.ask(asked))

    # Time

    async def retrieve_clock(self) -> ClockResponse:
        """Now, the mode, and what is due next."""
        return await self._get(ClockResponse, "/clock")

    async def freeze_clock(self, *, at: str | None = None) -> ClockResponse:
        """Stop the clock, now or at a later instant."""
        return await self._tell(ClockResponse, "POST", "/clock/freeze", {"at": at})

    async def advance_clock(
        self, *, by: str | None = None, to: str | None = None, next: bool | None = None
    ) -> AdvancedClockResponse:
        """Move the clock, and answer when all that became due has happened, webhooks too."""
        body = {"by": by, "to": to, "next": next}
        return await self._tell(AdvancedClockResponse, "POST", "/clock/advance", body)

    async def resume_clock(self) -> ClockResponse:
        """Let the clock run on from the world's now."""
        return await self._tell(ClockResponse, "POST", "/clock/resume", {})

    # The rate limit

    async def retrieve_rate_limit(self) -> RateLimitResponse:
        """The limit, what remains of this hour, and when it turns in epoch seconds."""
        return await self._get(RateLimitResponse, "/rate_limit")

    async def set_rate_limit(
        self, *, limit: int | None = None, remaining: int | None = None
    ) -> RateLimitResponse:
        """Change the limit for good, or what remains of this hour."""
        body = {"limit": limit, "remaining": remaining}
        return await self._tell(RateLimitResponse, "PUT", "/rate_limit", body)

    # Payments

    async def list_payments(
        self, *, limit: int | None = None, starting_after: str | None = None
    ) -> Page[ControlledPaymentResponse]:
        """Payments in full, newest first; asking leaves no trace."""
        return await self._get(
            Page[ControlledPaymentResponse], "/payments", limit=limit, starting_after=starting_after
        )

    async def complete_payment(self, payment_id: str) -> ControlledPaymentResponse:
        """Complete a pending payment."""
        path = f"/payments/{segment(payment_id)}/complete"
        return await self._tell(ControlledPaymentResponse, "POST", path, {})

    async def fail_payment(
        self, payment_id: str, *, code: str | None = None
    ) -> ControlledPaymentResponse:
        """Fail a pending payment; `code` is that of a decline."""
        path = f"/payments/{segment(payment_id)}/fail"
        return await self._tell(ControlledPaymentResponse, "POST", path, {"code": code})

    async def charge_back_payment(
        self, payment_id: str, *, reason: str | None = None, amount: int | None = None
    ) -> ChargebackResponse:
        """Charge a completed payment back; all that is left unless `amount` says less."""
        path = f"/payments/{segment(payment_id)}/chargeback"
        body = {"reason": reason, "amount": amount}
        return await self._tell(ChargebackResponse, "POST", path, body)
