"""Tests that a server's totals cover worlds that were dropped, reset or restored."""

from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import AssembledServer, assemble
from payments_sandbox.server.server_totals import ServerTotals
from tests.support.http import Api, Control, paid

DECLINED = "4000000000000002"


def counting(sandbox: AssembledServer) -> ServerTotals:
    """Count from now on."""
    totals = sandbox.runtime.totals = ServerTotals(sandbox.runtime.worlds)
    return totals


async def test_totals_count_payments_and_events_of_reset_and_dropped_worlds(
    api: Api, control: Control, sandbox: AssembledServer
) -> None:
    """What existed before counting is not included."""
    await paid(api)
    totals = counting(sandbox)
    assert totals.counts() == {}

    await paid(api)
    await paid(api, 400, card_number=DECLINED)
    await control("reset_world")
    await paid(api)
    await paid(api, key="sk_test_other")
    await control("delete_world", key="sk_test_other")

    assert totals.counts() == {"completed": 3, "failed": 1, "events": 4}
    assert (totals.worlds, totals.worlds_gone) == (1, 1)


async def test_totals_count_payments_that_a_reset_keeps_once(
    api: Api, control: Control, sandbox: AssembledServer
) -> None:
    totals = counting(sandbox)
    await paid(api)
    await control("reset_world", {"only": ["journal"]})
    assert totals.counts() == {"completed": 1, "events": 1}


async def test_totals_do_not_count_restored_payments_again(
    api: Api, control: Control, sandbox: AssembledServer
) -> None:
    totals = counting(sandbox)
    await paid(api)
    snapshot = await control("retrieve_snapshot")
    await paid(api)
    await control("restore_snapshot", snapshot)

    assert totals.counts() == {"completed": 2, "events": 2}
    assert (totals.worlds, totals.worlds_gone) == (1, 0)
    assert assemble(Settings()).runtime.totals is None
