"""What a server has had is counted over worlds that are gone, began anew or came back."""

from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import AssembledServer, assemble
from payments_sandbox.server.server_totals import ServerTotals
from tests.support.http import Api, Control, paid

DECLINED = "4000000000000002"


def counting(sandbox: AssembledServer) -> ServerTotals:
    """Count from now on."""
    totals = sandbox.runtime.totals = ServerTotals(sandbox.runtime.worlds)
    return totals


async def test_payments_and_events_are_counted_whatever_becomes_of_their_worlds(
    api: Api, control: Control, sandbox: AssembledServer
) -> None:
    """What was there before is no part, and what a reset takes is."""
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


async def test_what_a_reset_leaves_is_counted_once(
    api: Api, control: Control, sandbox: AssembledServer
) -> None:
    totals = counting(sandbox)
    await paid(api)
    await control("reset_world", {"only": ["journal"]})
    assert totals.counts() == {"completed": 1, "events": 1}


async def test_what_comes_with_a_snapshot_is_not_counted_again(
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
