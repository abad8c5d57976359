"""The membership of a node that leaves, in virtual time."""

import asyncio
from typing import Final

import pytest

from benchmarks.scale.engine_costs import EngineCosts
from benchmarks.scale.engine_model import ModelEngine
from benchmarks.scale.virtual_time import simulated
from payments_sandbox.cluster.membership import LEASE, Membership
from payments_sandbox.cluster.places import Member

SLOW: Final = EngineCosts(
    renewal=200_000, claim=1, takeover=1, read=1, change=1, look=1, bytes_of_world=1
)
"""An engine that takes 200 ms to renew a lease."""


def membership(engine: ModelEngine, name: str) -> Membership:
    """Return the membership of a node."""

    async def nothing() -> None:
        pass

    return Membership(engine, Member(name, "10.0.0.1", 8080), nothing, lambda _: None)


def test_a_node_announces_that_it_leaves_although_an_earlier_renewal_is_under_way() -> None:
    """The earlier renewal does not say that it leaves, so it does not count."""

    async def story() -> bool:
        engine = ModelEngine(SLOW)
        leaves, stays = membership(engine, "leaves"), membership(engine, "stays")
        renewal = asyncio.create_task(leaves.renew())
        await asyncio.sleep(0.1)  # noqa: TID251 - of virtual time, in which it is asked for
        await leaves.announce_leaving()
        await asyncio.gather(renewal, stays.renew())
        return stays.others["leaves"].is_leaving

    assert simulated(story())


@pytest.mark.parametrize("is_stopped", [False, True], ids=["late", "stopped"])
def test_a_leaving_node_waits_until_others_renewed_or_lost_their_leases(is_stopped: bool) -> None:  # noqa: FBT001 - a parameter
    """A late node renews its lease; a stopped one loses it."""

    async def story() -> float:
        loop, engine = asyncio.get_running_loop(), ModelEngine(SLOW)
        leaves, late = membership(engine, "leaves"), membership(engine, "late")
        await asyncio.gather(leaves.renew(), late.renew())
        announced = await leaves.announce_leaving()
        said_at = loop.time()
        waiting = asyncio.create_task(leaves.until_heard(announced))
        if not is_stopped:
            await asyncio.sleep(2)  # noqa: TID251 - of virtual time
            await leaves.renew()  # its own renewal does not count
            assert not waiting.done()
            await late.renew()
        await waiting
        return loop.time() - said_at

    waited = simulated(story())
    assert (2 < waited < 2.6) if not is_stopped else waited == pytest.approx(LEASE / 1_000, abs=0.3)
