"""Owns the routes of the rate limit: show it, set it."""

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.server.control.control_request import ControlRequest
from payments_sandbox.world.world import World


def retrieve_rate_limit(request: ControlRequest) -> dict[str, object]:
    """The limit, what remains of this hour, and when it turns."""
    return rate_limit_json(request.world)


def set_rate_limit(request: ControlRequest) -> dict[str, object]:
    """Change the limit for good, or what remains of this hour."""
    world, wanted = request.world, request.body
    check(wanted, world.limiter.limit, "")
    world.limiter.turn(world.clock.now())
    world.limiter.set(limit=wanted.get("limit"), remaining=wanted.get("remaining"))
    return rate_limit_json(world)


def rate_limit_json(world: World) -> dict[str, object]:
    """The rate limit as JSON; `reset` is in epoch seconds of the world's clock."""
    limiter = world.limiter
    limiter.turn(world.clock.now())
    return {"limit": limiter.limit, "remaining": limiter.remaining, "reset": limiter.reset_at}


def check(wanted: dict[str, int], limit: int, pointer: str) -> None:
    """Refuse more remaining than the limit."""
    limit = wanted.get("limit", limit)
    if wanted.get("remaining", 0) > limit:
        raise InvalidRequest(f"{pointer}/remaining: expected at most the limit, {limit}.")
