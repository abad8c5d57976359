"""Owns the routes of the rate limit: show it, set it."""

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.server.control.control_request import ControlRequest
from payments_sandbox.world.world import World


def retrieve_rate_limit(request: ControlRequest) -> dict[str, object]:
    """Show the limit, what remains of it in this hour, and when the next hour begins."""
    return rate_limit_json(request.world)


def set_rate_limit(request: ControlRequest) -> dict[str, object]:
    """Change the limit permanently, or what remains of it in this hour."""
    world, wanted = request.world, request.body
    check(wanted, world.limiter.limit, "")
    world.limiter.turn(world.clock.now())
    world.limiter.set(limit=wanted.get("limit"), remaining=wanted.get("remaining"))
    return rate_limit_json(world)


def rate_limit_json(world: World) -> dict[str, object]:
    """Return the rate limit as JSON; `reset` is in epoch seconds of the world's clock."""
    limiter = world.limiter
    limiter.turn(world.clock.now())
    return {"limit": limiter.limit, "remaining": limiter.remaining, "reset": limiter.reset_at}


def check(wanted: dict[str, int], limit: int, pointer: str) -> None:
    """Check that no more remains than the limit.

    Raises:
        InvalidRequest: more would remain; `pointer` leads to the object that says so.
    """
    limit = wanted.get("limit", limit)
    if wanted.get("remaining", 0) > limit:
        raise InvalidRequest(f"{pointer}/remaining: expected at most the limit, {limit}.")
