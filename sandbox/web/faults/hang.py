"""Owns the fault `hang`: accepted, then silence until the cap, closed without a byte."""

from aiohttp import web

from sandbox.engine.world import World
from sandbox.web.faults.kit import AlreadySent
from sandbox.web.sleepers import Sleepers


async def hang(
    request: web.BaseRequest, world: World, sleepers: Sleepers, *, seconds: float
) -> web.StreamResponse:
    """Say nothing until time is up, the client has left, or the world was reset or dropped."""
    await sleepers.sleep(request, world, seconds)
    return AlreadySent()
