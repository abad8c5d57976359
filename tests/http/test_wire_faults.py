"""Wire faults: what four clients raise, and that a fault ends one exchange and nothing else."""

import asyncio
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import RemoteDisconnected

import aiohttp
import httpx
import orjson
import pytest
import requests

from sandbox.settings import Settings
from tests.fakes.bodies import documented_create
from tests.fakes.clients import bearer
from tests.fakes.serving import Serving, serving
from tests.fakes.shop import PATIENCE, Shop

RESET, RESET_AFTER = "4000009900000061", "4000009900000079"
TIMEOUT, TIMEOUT_AFTER = "4000009900000087", "4000009900000095"

Pay = Callable[[Shop, str, float], int]


def with_requests(shop: Shop, card: str, patience: float) -> int:
    """Pay with requests."""
    body, headers = documented_create(card_number=card), bearer(shop.key)
    return requests.post(
        shop.payments_url, json=body, headers=headers, timeout=patience
    ).status_code


def with_httpx(shop: Shop, card: str, patience: float) -> int:
    """Pay with httpx."""
    body, headers = documented_create(card_number=card), bearer(shop.key)
    return httpx.post(shop.payments_url, json=body, headers=headers, timeout=patience).status_code


def with_urllib(shop: Shop, card: str, patience: float) -> int:
    """Pay with urllib."""
    body = orjson.dumps(documented_create(card_number=card))
    headers = {**bearer(shop.key), "Content-Type": "application/json"}
    request = urllib.request.Request(shop.payments_url, body, headers)  # noqa: S310 - our own URL
    with urllib.request.urlopen(request, timeout=patience) as reply:  # noqa: S310
        return int(reply.status)


def with_aiohttp(shop: Shop, card: str, patience: float) -> int:
    """Pay with aiohttp."""

    async def pay() -> int:
        limit = aiohttp.ClientTimeout(total=patience)
        async with (
            aiohttp.ClientSession(headers=bearer(shop.key), timeout=limit) as session,
            session.post(shop.payments_url, json=documented_create(card_number=card)) as reply,
        ):
            return reply.status

    return asyncio.run(pay())


CLIENTS: dict[str, Pay] = {
    "requests": with_requests,
    "httpx": with_httpx,
    "urllib": with_urllib,
    "aiohttp": with_aiohttp,
}

ON_RESET: dict[str, type[Exception]] = {
    "requests": requests.ConnectionError,
    "httpx": httpx.ReadError,
    "urllib": ConnectionResetError,
    "aiohttp": aiohttp.ClientOSError,
}
ON_SILENCE: dict[str, type[Exception]] = {
    "requests": requests.ReadTimeout,
    "httpx": httpx.ReadTimeout,
    "urllib": TimeoutError,
    "aiohttp": TimeoutError,
}
ON_CLOSE: dict[str, type[Exception]] = {
    "requests": requests.ConnectionError,
    "httpx": httpx.RemoteProtocolError,
    "urllib": RemoteDisconnected,
    "aiohttp": aiohttp.ServerDisconnectedError,
}


@pytest.fixture(scope="module")
def brief() -> Iterator[Serving]:
    """A server that holds nothing longer than a twentieth of a second."""
    with serving(Settings(port=0, max_wall_delay=50)) as server:
        yield server


@pytest.fixture(scope="module")
def patient() -> Iterator[Serving]:
    """A server that would hold a reply for a minute."""
    with serving(Settings(port=0, max_wall_delay=60_000)) as server:
        yield server


@pytest.fixture(autouse=True)
def calm(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A fault is no error of ours: nothing is logged as one, and no traceback."""
    yield
    assert [
        record.getMessage()
        for record in caplog.get_records("call")
        if record.levelname == "ERROR" or record.exc_info
    ] == []


def awake(shop: Shop) -> None:
    """Let the server work until no request of it waits any more."""
    for _ in range(10_000):
        if len(shop.server.sandbox.parts.sleepers) == 0:
            return
        shop.control("GET", "live")
    raise AssertionError("a request still waits although its client has left")


@pytest.mark.parametrize(("card", "kept"), [(RESET, {}), (RESET_AFTER, {"completed": 1})])
@pytest.mark.parametrize("client", CLIENTS)
def test_a_reset(brief: Serving, client: str, card: str, kept: dict[str, int]) -> None:
    """The client sees a connection reset; only the card says whether the payment was made."""
    with Shop(brief) as shop:
        with pytest.raises(ON_RESET[client]):
            CLIENTS[client](shop, card, PATIENCE)
        assert shop.counts() == kept
        assert CLIENTS[client](shop, "4111111111111111", PATIENCE) == 201


@pytest.mark.parametrize(("card", "kept"), [(TIMEOUT, {}), (TIMEOUT_AFTER, {"completed": 1})])
@pytest.mark.parametrize("client", CLIENTS)
def test_silence(patient: Serving, client: str, card: str, kept: dict[str, int]) -> None:
    """The client's own timeout ends it; the server notices, and keeps nothing waiting."""
    with Shop(patient) as shop:
        with pytest.raises(ON_SILENCE[client]):
            CLIENTS[client](shop, card, 0.1)
        awake(shop)
        assert shop.counts() == kept
        assert CLIENTS[client](shop, "4111111111111111", PATIENCE) == 201


@pytest.mark.parametrize(("card", "kept"), [(TIMEOUT, {}), (TIMEOUT_AFTER, {"completed": 1})])
@pytest.mark.parametrize("client", CLIENTS)
def test_silence_has_an_end(brief: Serving, client: str, card: str, kept: dict[str, int]) -> None:
    """After --max-wall-delay the connection is closed without a byte."""
    with Shop(brief) as shop:
        with pytest.raises(ON_CLOSE[client]):
            CLIENTS[client](shop, card, PATIENCE)
        assert shop.counts() == kept
        assert CLIENTS[client](shop, "4111111111111111", PATIENCE) == 201


def test_a_fault_ends_its_own_connection_only(patient: Serving) -> None:
    """While some requests hang and others are reset, a neighbour's payments complete."""
    with Shop(patient) as faulty, Shop(patient) as good, ThreadPoolExecutor(6) as threads:
        hanging = [threads.submit(with_requests, faulty, TIMEOUT, 0.3) for _ in range(3)]
        resetting = [threads.submit(with_requests, faulty, RESET, PATIENCE) for _ in range(3)]
        statuses = [good.pay().status_code for _ in range(10)]
        raised = [type(each.exception()) for each in hanging + resetting]
        awake(good)
    assert statuses == [201] * 10
    assert raised == [requests.ReadTimeout] * 3 + [requests.ConnectionError] * 3


def test_a_stopping_server_ends_what_hangs() -> None:
    """Shutting down does not wait for a fault to be over."""
    with ThreadPoolExecutor(1) as threads:
        with ExitStack() as server_runs:
            server = server_runs.enter_context(serving(Settings(port=0, max_wall_delay=60_000)))
            shop = server_runs.enter_context(Shop(server))
            hanging = threads.submit(with_requests, shop, TIMEOUT, PATIENCE)
            while len(server.sandbox.parts.sleepers) == 0:
                shop.control("GET", "live")
        assert isinstance(hanging.exception(PATIENCE), requests.ConnectionError)
