"""Holds the sender to its word: whatever a receiver does, it is told and never raised."""

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from payments_sandbox.server.webhooks.connections import SHOWN, UnknownHostError
from payments_sandbox.server.webhooks.guard import NotPermittedError
from payments_sandbox.server.webhooks.replies import CutOffError, NotHttpError
from payments_sandbox.server.webhooks.sender import LONGEST, HttpSender, in_words
from payments_sandbox.webhooks.delivery import Outcome
from tests.support.receiver import SELF_SIGNED, Answer, End, Receiver, receiving

HEADERS = {"Content-Type": "application/json"}
LINES = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 204 No Content\r\n",
        b"HTTP/1.0 200\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n",
        b"HTTP/1.1 999 Whatever\r\n",
        b"HTTP/2 200\r\n",
        b"Content-Length: 5\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 5, 6\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip\r\n",
        b"Content-Encoding: br\r\n",
        b"Retry-After: \xff\r\n",
        b"Set-Cookie: a=b; Domain=\x00\r\n",
        b"Location: http://[::1\r\n",
        b": nameless\r\n",
        b"folded\r\n line\r\n",
        b"X: " + b"y" * 9_000 + b"\r\n",
        b"\r\n",
        b"5\r\nhello\r\n0\r\n\r\n",
        b"zz\r\n",
        b"\x00" * 30,
    ]
)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on a real socket."""
    async with receiving() as receiver:
        yield receiver


async def post(
    url: str, *, timeout_ms: int = 2_000, headers: Mapping[str, str] = HEADERS
) -> Outcome:
    """One post, by a sender of its own."""
    sender = HttpSender(public=False)
    try:
        return await sender.post(url, headers=headers, body=b"{}", timeout_ms=timeout_ms)
    finally:
        await sender.close()


async def answered(*raw: bytes) -> Outcome:
    """What the sender makes of an answer."""
    async with receiving() as receiver:
        receiver.usual = Answer(raw=b"".join(raw), end=End.CLOSED)
        return await post(receiver.url)


def is_told(outcome: Outcome) -> bool:
    """Whether it is a whole answer, or a reason in one short line; JSON carries either."""
    json.dumps(outcome)
    if outcome.answer is None:
        error = outcome.error or ""
        return 0 < len(error) <= LONGEST and "\n" not in error
    return len(outcome.answer.body) <= SHOWN


@settings(max_examples=150)
@given(st.lists(LINES, max_size=8))
@example([b"HTTP/1.1 200 OK\r\n", b"Content-Length: 5, 6\r\n", b"\r\n"])
def test_whatever_is_answered(lines: list[bytes]) -> None:
    """Pieces of HTTP in any order."""
    assert is_told(asyncio.run(answered(*lines)))


@settings(max_examples=50)
@given(st.binary(max_size=200))
def test_whatever_bytes_are_answered(raw: bytes) -> None:
    """As the whole answer, and as its body."""
    assert is_told(asyncio.run(answered(raw)))
    head = b"HTTP/1.1 500 No\r\nContent-Length: %d\r\n\r\n" % len(raw)
    outcome = asyncio.run(answered(head, raw))
    assert outcome.answer is not None
    assert outcome.error == "answered 500"


async def test_what_is_kept_of_what_was_sent() -> None:
    """The headers as they went out, those of the client among them; body and answer whole."""
    async with receiving() as receiver:
        receiver.usual = Answer(status=201, headers={"X-A": "b"}, body=b"made")
        outcome = await post(receiver.url)
        (hit,) = receiver.hits

    assert {name.lower(): value for name, value in outcome.headers.items()} == hit.headers
    assert outcome.answer is not None
    assert outcome.answer == (201, {"Content-Length": "4", "X-A": "b"}, "made", None)
    assert outcome.error is None
    assert outcome.duration_ms > 0


@pytest.mark.parametrize("size", [0, 1, SHOWN - 1, SHOWN, SHOWN + 1, 70_000], ids=str)
@pytest.mark.parametrize("is_chunked", [True, False])
async def test_the_body_is_cut(receiver: Receiver, size: int, *, is_chunked: bool) -> None:
    """At 20 KB exactly; a connection whose answer was read whole is used again."""
    body = b"x" * size
    if is_chunked:
        chunks = b"%x\r\n%b\r\n" % (size, body) if size else b""
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        receiver.usual = Answer(raw=head + chunks + b"0\r\n\r\n")
    else:
        receiver.usual = Answer(body=body)
    sender = HttpSender(public=False)
    for _ in range(2):
        outcome = await sender.post(receiver.url, headers=HEADERS, body=b"{}", timeout_ms=2_000)
        assert outcome.answer is not None
        assert len(outcome.answer.body) == min(size, SHOWN)
    await sender.close()

    assert size > SHOWN or [hit.connection for hit in receiver.hits] == [0, 0]


async def test_certificates_are_read_once(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the first https url, not by http ones, and not again."""
    made: list[ssl.SSLContext] = []
    create = ssl.create_default_context

    def counted() -> ssl.SSLContext:
        made.append(create())
        return made[-1]

    monkeypatch.setattr(ssl, "create_default_context", counted)
    sender = HttpSender(public=False)
    counts = []
    for scheme in ("http", "https", "https"):
        url = receiver.url.replace("http", scheme)
        await sender.post(url, headers=HEADERS, body=b"{}", timeout_ms=50)
        counts.append(len(made))
    await sender.close()

    assert counts == [0, 1, 1]


async def test_over_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """One handshake for all that a connection carries."""
    trusting = ssl.create_default_context(cafile=SELF_SIGNED)
    trusting.check_hostname = False
    monkeypatch.setattr(ssl, "create_default_context", lambda: trusting)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(SELF_SIGNED)
    sender = HttpSender(public=False)
    async with receiving(tls=context) as receiver:
        receiver.usual = Answer(body=b"x" * SHOWN)
        told = [
            await sender.post(receiver.url, headers=HEADERS, body=b"{}", timeout_ms=2_000)
            for _ in range(2)
        ]
        await sender.close()

    assert [outcome.error for outcome in told] == [None, None]
    assert [hit.connection for hit in receiver.hits] == [0, 0]


async def test_cookies_are_not_kept(receiver: Receiver) -> None:
    """Each post stands for itself."""
    receiver.usual = Answer(headers={"Set-Cookie": "session=1"})
    sender = HttpSender(public=False)
    for _ in range(2):
        await sender.post(receiver.url, headers=HEADERS, body=b"{}", timeout_ms=2_000)
    await sender.close()

    assert all("cookie" not in hit.headers for hit in receiver.hits)


async def test_the_environments_proxy_is_not_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy would connect where the guard cannot look."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9/")
    outcome = await post(receiver.url)
    assert outcome.error is None


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (TimeoutError(), "no answer within 2 s"),
        (ConnectionRefusedError(111, "Connection refused"), "the connection was refused"),
        (ConnectionResetError(104, "Connection reset by peer"), "the connection was reset"),
        (ConnectionResetError(), "the connection was reset"),
        (BrokenPipeError(32, "Broken pipe"), "the connection was reset"),
        (OSError(113, "No route to host"), "cannot connect: No route to host"),
        (NotPermittedError("8.8.8.8"), "8.8.8.8 is not a permitted webhook target"),
        (TimeoutError(110, "Connection timed out"), "cannot connect: Connection timed out"),
        (UnknownHostError("shop.invalid"), "the host shop.invalid is not known"),
        (ssl.SSLError("not TLS"), "TLS failed: ('not TLS',)"),
        (NotHttpError("it starts\nwith x"), "the answer is not HTTP: it starts with x"),
        (CutOffError(), "the connection was closed before the answer was complete"),
        (OSError("no number"), "OSError: no number"),
        (ValueError("4111111111111111"), "ValueError: ************1111"),
    ],
    ids=str,
)
def test_in_words(failure: Exception, words: str) -> None:
    """As a developer would say it, in one line, without a card number."""
    assert in_words(failure, 2_000) == words


@pytest.mark.parametrize(
    ("rest", "target"),
    [
        ("", "/"),
        ("?a=1", "/?a=1"),
        ("/hooks?a=b&c=/%2f#part", "/hooks?a=b&c=/%2f"),
        ('/{x}/"y"?z=[1]|', "/%7Bx%7D/%22y%22?z=%5B1%5D%7C"),
    ],
)
async def test_where_it_goes(receiver: Receiver, rest: str, target: str) -> None:
    """The path as the url has it, quoted where it is not; the port is part of the host."""
    outcome = await post(receiver.origin + rest)
    (hit,) = receiver.hits

    assert outcome.error is None
    assert hit.target == target
    assert hit.headers["host"] == receiver.origin.removeprefix("http://")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://LOCALHOST:80/", "localhost"),
        ("https://localhost:443/", "localhost"),
        ("http://localhost:443/", "localhost:443"),
        ("http://[::1]:8080/", "[::1]:8080"),
    ],
)
async def test_the_host(url: str, host: str) -> None:
    """Without the port that its scheme has anyway."""
    assert (await post(url, timeout_ms=50)).headers["Host"] == host


@pytest.mark.parametrize("name", ["a" * 64, "nobody.invalid"])
async def test_a_name_that_leads_nowhere(name: str) -> None:
    """It may not even be one."""
    outcome = await post(f"http://{name}/")
    assert outcome.error == f"the host {name} is not known"


async def test_a_name_that_is_found_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for it any more, and nothing comes of it."""
    let_go, threads = threading.Event(), []

    def late(*_: object, **named: object) -> object:
        if named.get("flags"):
            raise socket.gaierror
        threads.append(threading.current_thread())
        return let_go.wait(10)

    monkeypatch.setattr(socket, "getaddrinfo", late)
    outcome = await post("http://late/", timeout_ms=20)
    let_go.set()
    for thread in threads:
        await asyncio.to_thread(thread.join)

    assert outcome.error == "no answer within 0.02 s"
    assert [thread.daemon for thread in threads] == [True]


def test_a_name_that_takes_long_to_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds nobody up beyond its own timeout: neither other names, nor the end of the loop."""
    let_go, found = threading.Event(), []
    asked = socket.getaddrinfo

    def slow(host: str, *args: Any, **named: Any) -> Any:  # noqa: ANN401 - the system's
        if host == "slow" and not named.get("flags"):
            let_go.wait(10)
            found.append(host)
            raise socket.gaierror
        return asked(host, *args, **named)

    async def posted() -> list[str | None]:
        async with receiving() as receiver:
            quick = receiver.url.replace("127.0.0.1", "localhost")
            patience = {"http://slow/": 20, quick: 2_000}
            urls = ["http://slow/"] * 40 + [quick]
            posts = [post(url, timeout_ms=patience[url]) for url in urls]
            return [outcome.error for outcome in await asyncio.gather(*posts)]

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    *slow_ones, quick = asyncio.run(posted())
    assert (set(slow_ones), quick, found) == ({"no answer within 0.02 s"}, None, [])
    let_go.set()


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("ftp://127.0.0.1/", "ValueError: expected an http or https url"),
        ("http://127.0.0.1:x/", "ValueError: Port could not be cast to integer value as 'x'"),
    ],
)
async def test_a_url_that_is_none(url: str, error: str) -> None:
    """A snapshot may be written by hand."""
    assert (await post(url)).error == error


@pytest.mark.parametrize("headers", [{"X": "a\r\nY: b"}, {"X: a\r\nY": "b"}, {"X": "\0"}])
async def test_a_header_that_is_none(receiver: Receiver, headers: dict[str, str]) -> None:
    """Nothing is sent."""
    outcome = await post(receiver.url, headers=headers)

    assert outcome.error == "ValueError: a header would end before its end"
    assert receiver.hits == []


async def test_a_receiver_that_says_more_than_its_answer(receiver: Receiver) -> None:
    """The rest is no answer to the next post, which goes over another connection."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    receiver.script(Answer(raw=answer + answer.replace(b"200", b"500")))
    sender = HttpSender(public=False)
    told = [
        await sender.post(receiver.url, headers=HEADERS, body=b"{}", timeout_ms=2_000)
        for _ in range(2)
    ]
    await sender.close()

    assert [outcome.error for outcome in told] == [None, None]
    assert [hit.connection for hit in receiver.hits] == [0, 1]
