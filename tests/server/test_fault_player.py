"""Tests the player of faults on sockets: what ends a plan early, and a plan without an end."""

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
    """A fault whose author has forgotten its end."""

    def plan(self, reply: RealReply) -> Iterator[PlanStep]:  # noqa: ARG002 - every fault's signature
        """Yield no step at all."""
        yield from ()


async def applied(
    fault: Fault, *, write: AsyncMock | None = None, stays: bool = True
) -> AlreadySent:
    """Return the result of a fault for a client that stays, or leaves while it waits."""
    writer = Mock(write=write or AsyncMock())
    request = make_mocked_request("GET", "/v3/payments", writer=writer)
    entry = Entry(Instant(0), "list_payments", "GET", "/v3/payments", ())
    response = await apply_fault(fault, request, REAL_REPLY, entry, AsyncMock(return_value=stays))
    assert entry.status is None
    return response


async def test_a_fault_plan_without_an_end_raises_an_error_that_says_so() -> None:
    """So that its author learns of it."""
    with pytest.raises(RuntimeError, match="the plan of drop does not end in Reset, Close or"):
        await applied(Endless(commit=True))


LASTING: Final = [step for step in FAULT_EXAMPLES if fault_seconds(fault_of(step))]


@pytest.mark.parametrize("step", LASTING)
async def test_a_lasting_fault_sends_nothing_more_after_its_client_has_left(step: str) -> None:
    """And the connection is not reused."""
    write = AsyncMock()
    response = await applied(fault_of(step), write=write, stays=False)
    before = list(takewhile(lambda each: isinstance(each, Send), fault_of(step).plan(REAL_REPLY)))

    assert not response.keep_alive
    assert write.await_count == len(before)


async def test_a_fault_ends_when_its_client_is_gone_while_bytes_are_sent() -> None:
    """The journal does not show what nobody received."""
    gone = AsyncMock(side_effect=ConnectionResetError)
    assert not (await applied(Truncate(commit=True), write=gone)).keep_alive


async def test_a_reset_aborts_a_tls_connection_whose_socket_is_already_gone() -> None:
    """The transport outlives its socket for one turn of the loop."""
    transport = Mock()
    transport.get_extra_info.return_value = None
    request = make_mocked_request("GET", "/v3/payments", transport=transport)
    entry = Entry(Instant(0), "list_payments", "GET", "/v3/payments", ())
    transport.is_closing.return_value = False
    reset = Drop(commit=True, how="reset")

    assert not (await apply_fault(reset, request, REAL_REPLY, entry, AsyncMock())).keep_alive
    transport.abort.assert_called_once_with()
    assert has_failed(request)
