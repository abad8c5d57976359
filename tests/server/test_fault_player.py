"""The player of faults on sockets: what ends a plan early, and a plan that has no end."""

from collections.abc import Iterator
from itertools import takewhile
from typing import Final
from unittest.mock import AsyncMock, Mock

import pytest
from aiohttp.test_utils import make_mocked_request

from payments_sandbox.core.instants import Instant
from payments_sandbox.rules.faults.drop import Drop
from payments_sandbox.rules.faults.fault import Fault
from payments_sandbox.rules.faults.reply import PlanStep, RealReply, Send
from payments_sandbox.rules.faults.truncate import Truncate
from payments_sandbox.server.connection import has_failed
from payments_sandbox.server.fault_player import apply_fault
from payments_sandbox.server.response import AlreadySent
from payments_sandbox.world.journal import Entry
from tests.support.values import FAULT_EXAMPLES, REAL_REPLY, fault_of, fault_seconds


class Endless(Drop):
    """A fault whose author has forgotten how it ends."""

    def plan(self, reply: RealReply) -> Iterator[PlanStep]:  # noqa: ARG002 - every fault's signature
        """Yield no step at all."""
        yield from ()


async def applied(
    fault: Fault, *, write: AsyncMock | None = None, stays: bool = True
) -> AlreadySent:
    """What comes of a fault for a client that stays, or leaves while it waits."""
    writer = Mock(write=write or AsyncMock())
    request = make_mocked_request("GET", "/v3/payments", writer=writer)
    entry = Entry(Instant(0), "list_payments", "GET", "/v3/payments", ())
    response = await apply_fault(fault, request, REAL_REPLY, entry, AsyncMock(return_value=stays))
    assert entry.status is None
    return response


async def test_a_plan_without_an_end_is_refused_in_words() -> None:
    """Where it is played, so that its author hears of it."""
    with pytest.raises(RuntimeError, match="the plan of drop does not end in Reset, Close or"):
        await applied(Endless(commit=True))


LASTING: Final = [step for step in FAULT_EXAMPLES if fault_seconds(fault_of(step))]


@pytest.mark.parametrize("step", LASTING)
async def test_a_reset_or_a_client_that_leaves_ends_whatever_waits(step: str) -> None:
    """Nothing more is sent, and the connection is not used again."""
    write = AsyncMock()
    response = await applied(fault_of(step), write=write, stays=False)
    before = list(takewhile(lambda each: isinstance(each, Send), fault_of(step).plan(REAL_REPLY)))

    assert not response.keep_alive
    assert write.await_count == len(before)


async def test_a_client_that_is_gone_when_bytes_are_sent_ends_the_plan() -> None:
    """The journal does not show as sent what nobody got."""
    gone = AsyncMock(side_effect=ConnectionResetError)
    assert not (await applied(Truncate(commit=True), write=gone)).keep_alive


async def test_a_reset_finds_a_tls_connection_whose_socket_is_gone_before_it() -> None:
    """For a turn of the loop its transport outlives that: the client has just broken it off."""
    transport = Mock()
    transport.get_extra_info.return_value = None
    request = make_mocked_request("GET", "/v3/payments", transport=transport)
    entry = Entry(Instant(0), "list_payments", "GET", "/v3/payments", ())
    transport.is_closing.return_value = False
    reset = Drop(commit=True, how="reset")

    assert not (await apply_fault(reset, request, REAL_REPLY, entry, AsyncMock())).keep_alive
    transport.abort.assert_called_once_with()
    assert has_failed(request)
