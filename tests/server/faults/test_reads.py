"""Tests faults of reads, including HEAD, and of calls from pages of another origin."""

from collections.abc import Awaitable, Callable

import pytest
from pytest_aiohttp import AiohttpClient

from payments_sandbox.core.ids import DEFAULT_API_KEY
from payments_sandbox.core.settings import Settings
from payments_sandbox.rules.faults.drip import Drip
from payments_sandbox.rules.faults.fault import Fault
from payments_sandbox.rules.faults.malform import Malform, Malformation
from payments_sandbox.rules.faults.respond_raw import RespondRaw
from payments_sandbox.rules.faults.truncate import Truncate
from payments_sandbox.scenarios.activation import set_active
from payments_sandbox.server.factory import AssembledServer, assemble
from tests.support.http import Api, SandboxServer
from tests.support.sockets import raw_exchange, raw_request
from tests.support.values import AUTHORIZED, scenario_of_fault

PAGE = "http://localhost:5173"
EMPTY_LIST = b'{"data":[],"has_more":false,"next_cursor":null}'

Meet = Callable[[Fault], Awaitable[Api]]
"""Makes a client whose reads get a fault."""


@pytest.fixture
def meet(aiohttp_client: AiohttpClient) -> Meet:
    """Start a separate server for each fault."""

    async def start(fault: Fault) -> Api:
        sandbox: AssembledServer = assemble(Settings(cors=frozenset({PAGE}), max_wall_delay=50))
        set_active(
            sandbox.runtime.worlds.get_or_create(DEFAULT_API_KEY), [scenario_of_fault(fault)]
        )
        client: Api = await aiohttp_client(SandboxServer(sandbox), headers=AUTHORIZED)
        return client

    return start


def listing(method: str = "GET", **headers: str) -> bytes:
    """Return a list request that is the last on its connection."""
    return raw_request(method, "/v3/payments", {"Connection": "close", **headers})


@pytest.mark.parametrize(
    ("fault", "body"),
    [
        (Truncate(commit=True, keep=50), EMPTY_LIST[:23]),
        (Truncate(commit=True, keep=100), EMPTY_LIST[:-1]),
        (Truncate(commit=True, keep=0), b""),
        (Malform(commit=True, how=Malformation.INVALID_JSON), EMPTY_LIST[:-1]),
        (Malform(commit=True, how=Malformation.BAD_UTF8), EMPTY_LIST[:-7] + b'\xff":null}'),
        (Drip(over=40, chunks=1), EMPTY_LIST),
        (Drip(over=40, chunks=1_000), EMPTY_LIST),
        (RespondRaw(418, {}, "teapot"), b"teapot"),
    ],
    ids=[
        "half of the body",
        "all but one byte",
        "no body",
        "invalid json",
        "bad utf8",
        "drip in 1 chunk",
        "drip byte by byte",
        "raw response",
    ],
)
async def test_a_fault_applies_to_a_read_as_to_a_write(
    meet: Meet, fault: Fault, body: bytes
) -> None:
    """A truncated body lacks at least one byte."""
    came, is_reset = await raw_exchange(await meet(fault), listing())

    assert (came.partition(b"\r\n\r\n")[2], is_reset) == (body, False)


FAULTS_WITH_A_HEAD = [
    Truncate(commit=True),
    Drip(over=40, chunks=4),
    RespondRaw(418, {}, "teapot"),
    *(Malform(commit=True, how=how) for how in Malformation if how is not Malformation.GARBAGE),
]


@pytest.mark.parametrize("fault", FAULTS_WITH_A_HEAD, ids=str)
async def test_head_with_a_fault_has_the_head_of_get_and_no_body(meet: Meet, fault: Fault) -> None:
    api = await meet(fault)
    get, _ = await raw_exchange(api, listing())
    head, is_reset = await raw_exchange(api, listing("HEAD"))

    assert (_lasting(head), is_reset) == (_lasting(get.partition(b"\r\n\r\n")[0]), False)


@pytest.mark.parametrize(
    ("status", "headers", "tail"),
    [
        (204, {}, b""),
        (304, {}, b""),
        (299, {"connection": "keep-alive"}, b"Content-Length: 0\r\n"),
        (200, {"content-length": "5"}, b"Connection: close\r\n"),
        (200, {"Date": "never"}, b"Connection: close\r\nContent-Length: 0\r\n"),
    ],
)
async def test_a_raw_reply_has_exactly_the_given_status_and_headers(
    meet: Meet, status: int, headers: dict[str, str], tail: bytes
) -> None:
    """A given header replaces ours in any spelling; a status needs no phrase."""
    raw = RespondRaw(status, headers, "")
    came, _ = await raw_exchange(await meet(raw), listing())
    first, *lines = came.lower().split(b"\r\n")

    assert first.startswith(f"http/1.1 {status} ".encode())
    for name, value in headers.items():
        assert f"{name}: {value}".lower().encode() in lines
    names = [line.partition(b":")[0] for line in lines]
    assert len(names) == len(set(names)) + 1  # two empty lines end the head
    assert tail.lower() in came.lower()
    assert (b"content-length" in names) == (status not in {204, 304})


async def test_a_fault_sends_cors_headers_to_a_permitted_origin_only(meet: Meet) -> None:
    """Otherwise a browser would report a CORS error instead of the fault."""
    api = await meet(Malform(commit=True, how=Malformation.EMPTY))
    page, _ = await raw_exchange(api, listing(Origin=PAGE))
    other, _ = await raw_exchange(api, listing(Origin="http://localhost:1"))

    assert f"Access-Control-Allow-Origin: {PAGE}\r\n".encode() in page
    assert b"Vary: Origin\r\n" in page
    assert b"Access-Control-Allow-Origin" not in other


async def test_a_fault_answers_an_http_1_0_client_with_http_1_0(meet: Meet) -> None:
    raw = listing().replace(b"HTTP/1.1", b"HTTP/1.0")
    came, _ = await raw_exchange(await meet(Malform(commit=True, how=Malformation.EMPTY)), raw)

    assert came.startswith(b"HTTP/1.0 200 OK\r\n")


def _lasting(head: bytes) -> set[bytes]:
    """Return the lines of a head that do not change from one request to the next."""
    passing = (b"Date: ", b"X-RateLimit-Remaining: ", b"Sandbox-Request-Id: ")
    return {line for line in head.split(b"\r\n") if line and not line.startswith(passing)}
