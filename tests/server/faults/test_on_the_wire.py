"""The bytes of every fault beside those of the real reply, on each event loop there is."""

import asyncio
import json
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Final, NamedTuple

import pytest
import requests

from payments_sandbox.core.settings import Settings
from tests.support.bodies import documented_create
from tests.support.faulty import SPELLINGS, card_of, faulty_cards
from tests.support.serving import Serving, serving
from tests.support.wire import PATIENCE, connected, request

GOOD: Final = "4111111111111111"
DRIP: Final = SPELLINGS[-2]
LAST: Final = {"Connection": "close"}
HTML: Final = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    b"<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"
)


class Sent(NamedTuple):
    """A reply as it came, without its Date, and whether the connection ended with an RST."""

    first: str
    headers: dict[str, str]
    body: bytes
    is_reset: bool = False


def altered(real: Sent, body: bytes | None = None, **headers: str | None) -> Sent:
    """The real reply with another body and headers; `_` stands for `-`, None removes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    merged = {**real.headers, **named}
    kept = {name: value for name, value in merged.items() if value is not None}
    return real._replace(body=real.body if body is None else body, headers=kept)


def sized(real: Sent, body: bytes, **headers: str | None) -> Sent:
    """The same, with the right length, and said to be the connection's last."""
    size = str(len(body))
    return altered(real, body, Content_Length=size, Connection="close", **headers)


EXPECTED: Final[dict[str, Callable[[Sent], Sent | bytes]]] = {
    "drop: {how: close}": lambda _: b"",
    "drop: {how: reset}": lambda _: Sent("", {}, b"", is_reset=True),
    "hang: {}": lambda _: b"",
    "truncate: {keep: 40%}": lambda real: altered(real, real.body[: len(real.body) * 2 // 5]),
    "malform: {as: invalid_json}": lambda real: sized(real, real.body[:-1]),
    "malform: {as: html}": lambda real: sized(
        real, HTML, Content_Type="text/html; charset=utf-8"
    )._replace(first="HTTP/1.1 502 Bad Gateway"),
    "malform: {as: empty}": lambda real: sized(real, b""),
    "malform: {as: wrong_content_type}": lambda real: sized(
        real, real.body, Content_Type="text/plain; charset=utf-8"
    ),
    "malform: {as: wrong_length}": lambda real: altered(
        real, Content_Length=str(len(real.body) // 2), Connection="close"
    ),
    "malform: {as: bad_chunk}": lambda real: altered(
        real,
        b"ZZ\r\n" + real.body + b"\r\n0\r\n\r\n",
        Content_Length=None,
        Transfer_Encoding="chunked",
        Connection="close",
    ),
    "malform: {as: bad_utf8}": lambda real: sized(real, real.body[:-2] + b'\xff"}'),
    "malform: {as: bad_gzip}": lambda real: sized(real, real.body, Content_Encoding="gzip"),
    "drip: {over: 900ms, chunks: 30}": lambda real: altered(real, Connection="close"),
    "respond_raw: {status: 503}": lambda real: sized(
        real, b"busy", Content_Type="text/plain", Retry_After="7"
    )._replace(first="HTTP/1.1 503 Service Unavailable"),
}


def new_loop(name: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes a loop of this name; the test is skipped where it is not installed."""
    if name == "asyncio":
        return None
    if find_spec("uvloop") is None:
        pytest.skip("the extra [fast] is not installed")
    from uvloop import new_event_loop  # noqa: PLC0415 - only where it is installed

    maker: Callable[[], asyncio.AbstractEventLoop] = new_event_loop
    return maker


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def server(request: pytest.FixtureRequest) -> Iterator[Serving]:
    """A server that holds nothing longer than a tenth of a second."""
    settings = Settings(port=0, max_wall_delay=100)
    with serving(settings, rules=faulty_cards(), new_loop=new_loop(request.param)) as server:
        yield server


def fresh(server: Serving) -> str:
    """The key of a new world, equal to every other such world."""
    world = {"seed": 7, "clock": "2030-01-15T10:30:00Z"}
    made = requests.post(f"{server.address}/_sandbox/worlds", json=world, timeout=PATIENCE)
    return str(made.json()["api_key"])


def create(key: str, card: str, **headers: str) -> bytes:
    """A create, as it goes over the wire."""
    body = json.dumps(documented_create(card_number=card)).encode()
    named = {"Authorization": f"Bearer {key}", **headers}
    return request("POST", "/v3/payments", named, body)


def answered(server: Serving, raw: bytes) -> tuple[bytes, bool]:
    """All that comes until the connection ends, and whether it ended with an RST."""
    with connected(server.address) as wire:
        wire.send(raw)
        return wire.rest()


def read(raw: bytes, *, is_reset: bool) -> Sent:
    """A reply in its parts."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    headers.pop("Date", None)
    return Sent(first, headers, body, is_reset)


@pytest.mark.parametrize("step", EXPECTED)
def test_only_the_fault_differs_from_the_real_reply(server: Serving, step: str) -> None:
    """In an equal world, beside the reply that the same call has without the fault."""
    raw, _ = answered(server, create(fresh(server), GOOD, **LAST))
    real = altered(read(raw, is_reset=False), Connection=None)
    came, is_reset = answered(server, create(fresh(server), card_of(step), **_closing(step)))

    expected = EXPECTED[step](real)
    if isinstance(expected, bytes):
        assert (came, is_reset) == (expected, False)
    else:
        assert read(came, is_reset=is_reset) == expected


def test_a_head_breaks_off(server: Serving) -> None:
    """Half of it, to the byte, and no empty line that would end it."""
    whole, _ = answered(server, create(fresh(server), GOOD, **LAST))
    lines = whole.partition(b"\r\n\r\n")[0].split(b"\r\n")
    lines.remove(b"Connection: close")
    head = b"\r\n".join([*lines, b"", b""])
    came, is_reset = answered(server, create(fresh(server), card_of("truncate: {in: headers}")))

    assert (came, is_reset) == (head[: len(head) // 2], False)


def test_garbage_comes_from_the_seed(server: Serving) -> None:
    """Equal worlds send equal bytes, and each request of one world others; none is HTTP."""
    card = card_of("malform: {as: garbage}")
    twins = [fresh(server), fresh(server)]
    came = [answered(server, create(key, card)) for key in [*twins, *twins]]

    assert came[:2] == [came[0]] * 2
    assert came[2:] == [came[2]] * 2
    assert came[0] != came[2]
    assert not came[0][0].startswith(b"HTTP")


@pytest.mark.parametrize("step", [step for step in SPELLINGS if step != DRIP])
def test_what_is_sent_behind_a_fault_is_not_answered(server: Serving, step: str) -> None:
    """A second request on the same connection finds it ended: it is neither heard nor counted."""
    key = fresh(server)
    both = create(key, card_of(step)) + create(key, GOOD)
    alone, _ = answered(server, create(fresh(server), card_of(step)))
    came, _ = answered(server, both)

    assert _undated(came) == _undated(alone)
    assert _journal(server, key) == [step.partition(":")[0]]


def test_after_a_drip_the_connection_stays_usable(server: Serving) -> None:
    """It is the real reply, only slower."""
    key = fresh(server)
    with connected(server.address) as wire:
        wire.send(create(key, card_of(DRIP)) + create(key, GOOD))
        statuses = [wire.reply().status, wire.reply().status]

    assert statuses == [201, 201]
    assert _journal(server, key) == [None, "drip"]


def _closing(step: str) -> dict[str, str]:
    """A drip ends its connection only when it is asked to."""
    return LAST if step == DRIP else {}


def _undated(raw: bytes) -> list[bytes]:
    return [line for line in raw.split(b"\r\n") if not line.startswith(b"Date: ")]


def _journal(server: Serving, key: str) -> list[str | None]:
    """The faults of a world's requests, newest first."""
    headers = {"Authorization": f"Bearer {key}"}
    url = f"{server.address}/_sandbox/requests"
    entries = requests.get(url, headers=headers, timeout=PATIENCE).json()["data"]
    return [entry["fault"] for entry in entries]
