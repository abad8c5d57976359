"""Tests the sender with receivers on real sockets: every failure is reported, never raised."""

import asyncio
import contextlib
import gzip
import json
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Coroutine, Mapping
from importlib.util import find_spec
from selectors import SelectorKey, SelectSelector
from typing import Any

import aiohttp
import pytest
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_parser import HttpResponseParserPy
from hypothesis import example, given
from hypothesis import strategies as st

from payments_sandbox.server.webhooks import answer_reader
from payments_sandbox.server.webhooks.answer_reader import RECEIVE_BUFFER
from payments_sandbox.server.webhooks.sender import (
    MAX_ERROR,
    HttpSender,
    describe_failure,
    guarded_sockets,
    trusting,
)
from payments_sandbox.webhooks.delivery import KEPT_BODY, AttemptResult
from tests.support.receiver import SELF_SIGNED, Answer, End, Receiver, receiving
from tests.support.sockets import new_loop
from tests.support.tables import for_each

HEADERS = {"Content-Type": "application/json", "User-Agent": "test"}
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
CUT_OFF = "the connection was closed before the answer was complete"
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
async def sender() -> AsyncIterator[HttpSender]:
    """A sender to private addresses."""
    sender = HttpSender(public=False)
    yield sender
    await sender.close()


async def post(
    sender: HttpSender, url: str, *, timeout_ms: int = 30_000, headers: Mapping[str, str] = HEADERS
) -> AttemptResult:
    """Post a small body."""
    return await sender.post(url, headers=headers, body=b"{}", timeout_ms=timeout_ms)


async def post_and_close(url: str, *, timeout_ms: int = 30_000) -> AttemptResult:
    """Post with a new sender."""
    sender = HttpSender(public=False)
    try:
        return await post(sender, url, timeout_ms=timeout_ms)
    finally:
        await sender.close()


async def test_a_closed_sender_that_has_sent_nothing_can_still_send() -> None:
    sender = HttpSender(public=False)
    await sender.close()
    try:
        async with receiving() as receiver:
            assert (await post(sender, receiver.url)).error is None
    finally:
        await sender.close()


async def answered_with(*raw: bytes) -> AttemptResult:
    """Return the result for a receiver that sends these bytes and closes."""
    async with receiving() as receiver:
        receiver.usual = Answer(raw=b"".join(raw), end=End.CLOSED)
        return await post_and_close(receiver.url)


def is_told(result: AttemptResult) -> bool:
    """Return whether the result is an answer, or a reason in one short line."""
    json.dumps(result)
    if result.response is None:
        error = result.error or ""
        return 0 < len(error) <= MAX_ERROR and "\n" not in error
    return len(result.response.body) <= KEPT_BODY


HEAD_204 = b"HTTP/1.1 204 No Content\r\n"
TOO_MUCH = {
    "a body after a 204": (HEAD_204 + b"Content-Length: 2\r\n\r\nok", 204, ""),
    "chunks after a 204": (
        HEAD_204 + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 204, "",
    ),
    "a body after a 204 that closes": (HEAD_204 + b"Connection: close\r\n\r\nok", 204, ""),
    "a longer body": (OK + b"Content-Length: 2\r\n\r\nok: true", 200, "ok"),
    "a longer body, at the end": (
        OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nok: true", 200, "ok",
    ),
    "a body after a length of 0": (OK + b"Content-Length: 0\r\n\r\nok", 200, ""),
    "after many interim answers": (
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 9 + HEAD_204 + b"\r\n", 204, "",
    ),
    "after an interim answer": (
        b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + HEAD_204 + b"\r\nok\r\n\r\nok", 204, "",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "status", "body"), TOO_MUCH.values(), ids=TOO_MUCH)
@pytest.mark.parametrize("end", [End.CLOSED, End.KEPT])
async def test_an_answer_is_accepted_whatever_follows_it(
    raw: bytes, status: int, body: str, end: End
) -> None:
    """In the same segment, too."""
    async with receiving() as receiver:
        receiver.usual = Answer(raw=raw, end=end)
        result = await post_and_close(receiver.url)
    assert result.error is None
    assert result.response is not None
    assert (result.response.status, result.response.body) == (status, body)


@given(st.lists(LINES, max_size=8))
@example([b"HTTP/1.1 200 OK\r\n", b"Content-Length: 5, 6\r\n", b"\r\n"])
def test_pieces_of_http_in_any_order_give_an_answer_or_a_reason(lines: list[bytes]) -> None:
    """Never an exception."""
    assert is_told(asyncio.run(answered_with(*lines)))


@given(st.binary(max_size=200))
def test_any_bytes_as_an_answer_or_as_its_body_give_an_answer_or_a_reason(raw: bytes) -> None:
    assert is_told(asyncio.run(answered_with(raw)))
    head = b"HTTP/1.1 500 No\r\nContent-Length: %d\r\n\r\n" % len(raw)
    result = asyncio.run(answered_with(head, raw))
    assert result.response is not None
    assert result.error == "answered 500"


ANSWERS = {
    "length": (OK + b"Content-Length: 5\r\n\r\nhello", "hello"),
    "no body": (b"HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n", ""),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", ""),
    "bare line feeds": (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "ok"),
    "chunks": (CHUNKED + b"3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n", "hello"),
    "a trailer": (CHUNKED + b"2\r\nok\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n", "ok"),
    "interim answers": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n"
        + OK
        + b"Content-Length: 2\r\n\r\nok",
        "ok",
    ),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok"),
    "a body until the connection closes": (OK + b"\r\nhello", "hello"),
    "an unknown transfer coding": (OK + b"Transfer-Encoding: gzip\r\n\r\nhello", "hello"),
}


@for_each(("raw", "body"), ANSWERS.values())
async def test_every_valid_form_of_an_http_answer_is_read(raw: bytes, body: str) -> None:
    result = await answered_with(raw)
    assert result.response is not None
    assert (result.response.body, result.error) == (body, None)


NOT_HTTP = {
    "an SSH greeting": (b"SSH-2.0-x\r\n", "Expected HTTP/"),
    "another version": (b"HTTP/2 200\r\n\r\n", "HTTP/2 200"),
    "a header without a colon": (OK + b"no colon\r\n\r\n", "no colon"),
    "a header without a name": (OK + b": nameless\r\n\r\n", ": nameless"),
    "two lengths": (OK + b"Content-Length: 5, 6\r\n\r\n", "Content-Length: 5, 6"),
    "a chunk without a size": (CHUNKED + b"zz\r\n", "zz"),
    "a status line without an end": (b"HTTP/1.1 200 " + b"y" * 99_000, "more than 65536 bytes"),
    "a header without an end": (OK + b"X: " + b"y" * 99_000, "more than 65536 bytes"),
    "headers without an end": (OK + b"X: y\r\n" * 9_000, "Too many headers"),
    "a trailer without an end": (CHUNKED + b"0\r\n" + b"X: y\r\n" * 9_000, "Too many headers"),
}


@for_each(("raw", "words"), NOT_HTTP.values())
async def test_an_answer_that_is_not_http_is_reported_with_what_is_wrong(
    raw: bytes, words: str
) -> None:
    """One without an end is given up soon."""
    result = await answered_with(raw)
    assert result.response is None
    assert (result.error or "").startswith("the answer is not HTTP: ")
    assert words in (result.error or "")


async def test_a_body_that_the_pure_python_parser_rejects_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without its extensions, aiohttp uses it; it raises an error of another type."""
    monkeypatch.setattr(aiohttp.client_proto, "HttpResponseParser", HttpResponseParserPy)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(CHUNKED + b"2\r\n{}\r\n")
        for _ in range(100):  # until the sender has read it
            await asyncio.sleep(0)  # noqa: TID251 - no time passes
        writer.write(b"zz\r\n")
        await reader.read()  # until it has left
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        result = await post_and_close(f"http://127.0.0.1:{port}/")

    assert (result.response, result.error) == (None, "the answer is not HTTP: zz")


@for_each("raw", [raw for raw, _ in list(ANSWERS.values())[:6]])
async def test_an_answer_that_is_cut_off_is_reported_as_such(raw: bytes) -> None:
    """In the head, the body or its trailer."""
    for end in (0, 12, len(raw) - 1):
        assert (await answered_with(raw[:end])).error == CUT_OFF


@pytest.mark.parametrize(
    "endless",
    [b"HTTP/1.1 100 Continue\r\n\r\n" * 500, b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" * 500],
    ids=["100", "103"],
)
async def test_endless_interim_answers_fail_at_the_timeout(
    endless: bytes, receiver: Receiver, sender: HttpSender
) -> None:
    """Another webhook gets through meanwhile."""

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(endless)
                await writer.drain()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        talking = post(sender, f"http://127.0.0.1:{port}/", timeout_ms=300)
        told, other = await asyncio.gather(talking, post(sender, receiver.url, timeout_ms=9_000))

    assert (told.response, told.error) == (None, "no answer within 0.3 s")
    assert other.error is None


def test_the_receive_buffer_of_a_webhook_socket_is_small() -> None:
    """Linux doubles the requested size."""
    made = guarded_sockets(public=False)((2, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80)))
    with made:
        held = made.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    assert 0 < held <= 2 * RECEIVE_BUFFER


async def test_the_reported_request_headers_are_those_that_arrived(
    receiver: Receiver, sender: HttpSender
) -> None:
    """Including Host and Content-Length; the answer is whole."""
    receiver.usual = Answer(status=201, headers={"X-A": "b"}, body=b"made")
    result = await post(sender, receiver.url)
    (hit,) = receiver.hits

    assert tuple(f"{name}: {value}" for name, value in result.headers.items()) == hit.lines
    assert [*result.headers] == ["Host", *HEADERS, "Content-Length"]
    assert result.response == (201, {"Content-Length": "4", "X-A": "b"}, "made", None)
    assert result.error is None
    assert result.duration_ms > 0


async def test_an_empty_body_is_sent_with_content_length_0(
    receiver: Receiver, sender: HttpSender
) -> None:
    """A fault of a scenario may send one."""
    await sender.post(receiver.url, headers=HEADERS, body=b"", timeout_ms=30_000)
    (hit,) = receiver.hits

    assert (hit.headers["content-length"], hit.body) == ("0", b"")
    assert "transfer-encoding" not in hit.headers


async def test_folded_empty_repeated_and_non_utf_8_answer_headers_are_kept_as_text(
    receiver: Receiver, sender: HttpSender
) -> None:
    lines = (b"X-Folded: a\r\n\t b", b"X-Empty:", b"X-A: 1", b"X-A: 2", b"Retry-After:  \xff ")
    receiver.usual = Answer(raw=OK + b"\r\n".join([*lines, b"Content-Length: 0", b"", b""]))
    result = await post(sender, receiver.url)

    assert result.response is not None
    assert result.response.retry_after == "\N{REPLACEMENT CHARACTER}"
    assert result.response.headers == {
        "X-Folded": "a\t b",
        "X-Empty": "",
        "X-A": "1, 2",
        "Retry-After": "\N{REPLACEMENT CHARACTER}",
        "Content-Length": "0",
    }


async def test_a_compressed_answer_is_not_decompressed(
    receiver: Receiver, sender: HttpSender
) -> None:
    """It was not requested, and could be a decompression bomb."""
    body = gzip.compress(b"x" * 1_000_000)
    receiver.usual = Answer(headers={"Content-Encoding": "gzip"}, body=body)
    result = await post(sender, receiver.url)

    assert result.response is not None
    assert result.response.body == body.decode("utf-8", "replace")


@pytest.mark.parametrize("size", [0, 1, KEPT_BODY - 1, KEPT_BODY, KEPT_BODY + 1, 70_000], ids=str)
@pytest.mark.parametrize("is_chunked", [True, False], ids=["chunked", "with length"])
async def test_the_body_of_an_answer_is_kept_up_to_20_kb(
    receiver: Receiver, sender: HttpSender, size: int, *, is_chunked: bool
) -> None:
    """A connection whose answer was read completely is reused."""
    body = b"x" * size
    if is_chunked:
        chunks = b"%x\r\n%b\r\n" % (size, body) if size else b""
        receiver.usual = Answer(raw=CHUNKED + chunks + b"0\r\n\r\n")
    else:
        receiver.usual = Answer(body=body)
    for _ in range(2):
        result = await post(sender, receiver.url)
        assert result.response is not None
        assert len(result.response.body) == min(size, KEPT_BODY)

    assert size >= KEPT_BODY or [hit.connection for hit in receiver.hits] == [0, 0]


async def test_a_tls_connection_is_reused_for_the_next_webhook() -> None:
    tls = ssl.create_default_context(cafile=SELF_SIGNED)
    tls.check_hostname = False
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(SELF_SIGNED)
    sender = HttpSender(public=False, tls=tls)
    async with receiving(tls=context) as receiver:
        receiver.usual = Answer(body=b"x" * 5_000)
        told = [await post(sender, receiver.url) for _ in range(2)]
        await sender.close()

    assert [result.error for result in told] == [None, None]
    assert [hit.connection for hit in receiver.hits] == [0, 0]


async def test_cookies_of_receivers_are_not_kept(receiver: Receiver, sender: HttpSender) -> None:
    receiver.usual = Answer(headers={"Set-Cookie": "session=1"})
    for _ in range(2):
        await post(sender, receiver.url)

    assert all("cookie" not in hit.headers for hit in receiver.hits)


async def test_webhooks_ignore_a_proxy_in_the_environment(
    receiver: Receiver, sender: HttpSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy would connect where the guard cannot check."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9/")
    assert (await post(sender, receiver.url)).error is None


@pytest.mark.parametrize("end", [End.CLOSED, End.RESET])
async def test_a_kept_connection_that_the_receiver_has_closed_is_not_reused(
    sender: HttpSender, end: End
) -> None:
    """Even if the loop has not noticed yet."""
    async with receiving() as receiver:
        receiver.usual = Answer(end=end)
        told = [await post(sender, receiver.url) for _ in range(30)]

    assert {result.error for result in told} == {None}


async def test_a_connection_that_answered_500_is_not_reused(
    receiver: Receiver, sender: HttpSender
) -> None:
    """A crashed receiver often closes it a little later."""
    receiver.script(500, 404, 200)
    for _ in range(4):
        await post(sender, receiver.url)

    assert [hit.connection for hit in receiver.hits] == [0, 1, 1, 1]


async def test_a_webhook_on_a_kept_connection_that_closes_without_an_answer_is_not_resent(
    receiver: Receiver, sender: HttpSender
) -> None:
    """Its receiver may have done the work: the schedule decides about a retry."""
    receiver.script(200, Answer(raw=b"", end=End.CLOSED))
    told = [await post(sender, receiver.url) for _ in range(2)]

    assert [result.error for result in told] == [None, CUT_OFF]
    assert [hit.connection for hit in receiver.hits] == [0, 0]


async def test_the_open_one_of_two_kept_connections_is_reused(sender: HttpSender) -> None:
    gate = asyncio.Event()
    async with receiving() as receiver:
        receiver.script(Answer(gate=gate, end=End.CLOSED), Answer(gate=gate))
        both = asyncio.gather(*(post(sender, receiver.url) for _ in range(2)))
        await receiver.arrived(2)
        gate.set()
        await both
        third = await post(sender, receiver.url)

    assert third.error is None
    assert [hit.connection for hit in receiver.hits] == [0, 1, 1]


async def test_bytes_after_an_answer_are_not_taken_for_the_answer_to_the_next_webhook(
    receiver: Receiver, sender: HttpSender
) -> None:
    """The next one uses another connection."""
    answer = OK + b"Content-Length: 0\r\n\r\n"
    receiver.script(Answer(raw=answer + answer.replace(b"200", b"500")))
    told = [await post(sender, receiver.url) for _ in range(2)]

    assert [result.error for result in told] == [None, None]
    assert [hit.connection for hit in receiver.hits] == [0, 1]


async def test_a_closed_sender_leaves_no_connection_open(receiver: Receiver) -> None:
    """Neither kept ones nor one in use."""
    sender = HttpSender(public=False)
    receiver.script(200, Answer(gate=asyncio.Event()))
    await post(sender, receiver.url)
    under_way = asyncio.create_task(post(sender, receiver.url))
    await receiver.arrived(2)
    under_way.cancel()
    await asyncio.wait([under_way])
    await sender.close()

    assert under_way.cancelled()


@for_each(
    ("failure", "words"),
    [
        (TimeoutError(), "no answer within 2 s"),
        (ConnectionRefusedError(111, "Connection refused"), "the connection was refused"),
        (ConnectionResetError(104, "Connection reset by peer"), "the connection was reset"),
        (ConnectionResetError(), "the connection was reset"),
        (BrokenPipeError(32, "Broken pipe"), "the connection was reset"),
        (OSError(113, "No route to host"), "cannot connect: No route to host"),
        (TimeoutError(110, "Connection timed out"), "cannot connect: Connection timed out"),
        (ssl.SSLError("not TLS"), "TLS failed: ('not TLS',)"),
        (OSError("no number"), "OSError: no number"),
        (ValueError("4111111111111111"), "ValueError: ************1111"),
    ],
)
def test_each_connection_failure_is_described_in_one_masked_line(
    failure: Exception, words: str
) -> None:
    assert describe_failure(failure, 2_000) == words


@pytest.mark.parametrize(
    ("rest", "target"),
    [
        ("", "/"),
        ("?a=1", "/?a=1"),
        ("/hooks?a=b&c=/%2f#part", "/hooks?a=b&c=/%2f"),
        ('/{x}/"y"?z=[1]|', "/%7Bx%7D/%22y%22?z=%5B1%5D%7C"),
    ],
)
async def test_the_path_of_a_webhook_url_is_sent_unchanged_and_quoted_if_necessary(
    receiver: Receiver, sender: HttpSender, rest: str, target: str
) -> None:
    """The Host header includes the port."""
    result = await post(sender, receiver.origin + rest)
    (hit,) = receiver.hits

    assert result.error is None
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
async def test_the_host_header_omits_the_default_port_of_the_scheme(
    sender: HttpSender, url: str, host: str
) -> None:
    """And is in lower case."""
    assert (await post(sender, url, timeout_ms=50)).headers["Host"] == host


async def test_a_malformed_host_name_is_reported_as_unknown(sender: HttpSender) -> None:
    """A label has at most 63 characters."""
    name = "a" * 64
    assert (await post(sender, f"http://{name}/")).error == f"cannot resolve the host {name}"


async def test_a_name_lookup_that_takes_too_long_is_a_timeout(
    sender: HttpSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its late result has no effect."""
    let_go, threads = threading.Event(), []

    def late(*_: object) -> object:
        threads.append(threading.current_thread())
        return let_go.wait(10)

    monkeypatch.setattr(socket, "getaddrinfo", late)
    result = await post(sender, "http://late/", timeout_ms=20)
    let_go.set()
    for thread in threads:
        await asyncio.to_thread(thread.join)

    assert result.error == "no answer within 0.02 s"
    assert [thread.daemon for thread in threads] == [True]


@pytest.mark.parametrize("name", ["shop.localhost", "a.B.LocalHost", "shop.localhost."])
async def test_names_below_localhost_are_loopback_without_the_resolver(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """RFC 6761 requires it, and not every system's resolver knows them."""
    system = socket.getaddrinfo

    def strict(host: str, *args: Any) -> Any:  # noqa: ANN401 - the system's
        if host not in ("localhost", "127.0.0.1"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return system(host, *args)

    monkeypatch.setattr(socket, "getaddrinfo", strict)
    async with receiving() as receiver:
        port = receiver.url.rpartition(":")[2]
        result = await post_and_close(f"http://{name}:{port}")
    assert result.error is None


def test_40_slow_name_lookups_delay_neither_other_lookups_nor_the_end_of_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The thread pool of asyncio is smaller."""
    let_go, found = threading.Event(), []
    system = socket.getaddrinfo

    def slow(host: str, *args: Any) -> Any:  # noqa: ANN401 - the system's
        if host == "slow":
            let_go.wait(10)
            found.append(host)
            raise socket.gaierror
        return system(host, *args)

    async def posted() -> list[str | None]:
        async with receiving() as receiver:
            quick = receiver.url.replace("127.0.0.1", "localhost")
            patience = {"http://slow/": 20, quick: 2_000}
            urls = ["http://slow/"] * 40 + [quick]
            posts = [post_and_close(url, timeout_ms=patience[url]) for url in urls]
            return [result.error for result in await asyncio.gather(*posts)]

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    *slow_ones, quick = asyncio.run(posted())
    assert (set(slow_ones), quick, found) == ({"no answer within 0.02 s"}, None, [])
    let_go.set()


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("ftp://127.0.0.1/", "ValueError: expected an http or https url"),
        ("http://127.0.0.1:x/", "ValueError: "),
    ],
)
async def test_an_invalid_url_is_reported_as_a_failed_attempt(
    sender: HttpSender, url: str, error: str
) -> None:
    """A snapshot may be written by hand."""
    assert ((await post(sender, url)).error or "").startswith(error)


@pytest.mark.parametrize("headers", [{"X": "a\r\nY: b"}, {"X: a\r\nY": "b"}, {"X": "\0"}])
async def test_a_header_with_a_line_break_or_nul_fails_the_attempt_and_sends_nothing(
    receiver: Receiver, sender: HttpSender, headers: dict[str, str]
) -> None:
    result = await post(sender, receiver.url, headers=headers)

    assert (result.error or "").startswith("ValueError: ")
    assert receiver.hits == []


async def test_the_start_of_a_large_answer_head_is_kept_and_its_retry_after_read(
    receiver: Receiver, sender: HttpSender
) -> None:
    lines = {f"X-{number}": "y" * 900 for number in range(100)} | {"Retry-After": "7"}
    receiver.script(Answer(status=503, headers=lines))
    response = (await post(sender, receiver.url)).response

    assert response is not None
    assert 7_000 < len(str(response.headers)) < 10_000
    assert response.retry_after == "7"


LOOPS = [
    "asyncio",
    pytest.param(
        "uvloop",
        marks=pytest.mark.skipif(find_spec("uvloop") is None, reason="uvloop is not installed"),
    ),
]


def run_in(name: str, work: Coroutine[Any, Any, AttemptResult]) -> AttemptResult:
    """Run something in a new event loop of this kind."""
    with asyncio.Runner(loop_factory=new_loop(name)) as runner:
        return runner.run(work)


class Peer:
    """A hand-written receiver that closes a connection within one turn of the loop."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(0)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"
        self.taken = 0

    async def accept(self) -> socket.socket:
        """Take the next connection."""
        connection, _ = await asyncio.get_running_loop().sock_accept(self.listener)
        return connection

    async def take_next(self) -> None:
        """Accept the next connection, read a post from it, and answer it."""
        with await self.accept() as connection:
            await self.take(connection, answer=OK + b"Content-Length: 0\r\n\r\n")

    async def take(self, connection: socket.socket, *, answer: bytes) -> None:
        """Read a whole post, and answer it."""
        data = b""
        while not data.endswith(b"{}"):
            data += await asyncio.get_running_loop().sock_recv(connection, 65_536)
        self.taken += 1
        await asyncio.get_running_loop().sock_sendall(connection, answer)


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="only this system tells what was taken")
@pytest.mark.parametrize("loop", LOOPS)
def test_a_post_that_a_closing_kept_connection_did_not_take_is_posted_again(
    loop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receiver closes it at the moment of the post."""
    peer = Peer()

    class Unseen(SelectSelector):
        """Sees no end of a connection before the post."""

        def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:  # noqa: ARG002 - as in the base class
            return []

    monkeypatch.setattr(answer_reader, "_Selector", Unseen)

    async def scene() -> AttemptResult:
        sender = HttpSender(public=False)
        first = asyncio.ensure_future(post(sender, peer.url))
        connection = await peer.accept()
        await peer.take(connection, answer=OK + b"Content-Length: 0\r\n\r\n")
        assert (await first).error is None
        answering = asyncio.ensure_future(peer.take_next())
        await asyncio.tasks.sleep(0)
        connection.close()
        result = await post(sender, peer.url)  # no turn of the loop is between these two lines
        await answering
        await sender.close()
        return result

    with contextlib.closing(peer.listener):
        assert run_in(loop, scene()).error is None
    assert peer.taken == 2


@pytest.mark.parametrize("turns", [0, 3], ids=["unseen", "read"])
@pytest.mark.parametrize("loop", LOOPS)
def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next_one(
    loop: str, turns: int
) -> None:
    """Whether or not the loop has read it before the next post, which uses a new connection."""
    peer = Peer()
    answer = OK + b"Content-Length: 0\r\n\r\n"

    async def scene() -> AttemptResult:
        sender = HttpSender(public=False)
        first = asyncio.ensure_future(post(sender, peer.url))
        with await peer.accept() as connection:
            await peer.take(connection, answer=answer)
            await first
            connection.sendall(answer.replace(b"200", b"404"))
            for _ in range(turns):
                await asyncio.tasks.sleep(0)
            answering = asyncio.ensure_future(peer.take_next())
            result = await post(sender, peer.url)
            await answering
        await sender.close()
        return result

    with contextlib.closing(peer.listener):
        assert run_in(loop, scene()).error is None
    assert peer.taken == 2


@pytest.mark.parametrize("loop", LOOPS)
def test_a_post_that_was_read_but_not_answered_is_not_posted_again(loop: str) -> None:
    """The receiver may have done the work, so the attempt has failed."""
    peer = Peer()

    async def scene() -> AttemptResult:
        sender = HttpSender(public=False)
        first = asyncio.ensure_future(post(sender, peer.url))
        connection = await peer.accept()
        await peer.take(connection, answer=OK + b"Content-Length: 0\r\n\r\n")
        await first
        second = asyncio.ensure_future(post(sender, peer.url))
        await peer.take(connection, answer=b"")
        connection.close()
        result = await second
        await sender.close()
        return result

    with contextlib.closing(peer.listener):
        assert run_in(loop, scene()).error == CUT_OFF
        with pytest.raises(BlockingIOError):
            peer.listener.accept()
    assert peer.taken == 2


def answer_rudely(listener: socket.socket, tls: ssl.SSLContext | None) -> None:
    """Answer one post without a length, and close the connection without close_notify."""
    plain, _ = listener.accept()
    with plain if tls is None else tls.wrap_socket(plain, server_side=True) as connection:
        data = b""
        while not data.endswith(b"{}"):
            data += connection.recv(65_536)
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_answer_without_a_length_ends_when_its_connection_closes(loop: str, scheme: str) -> None:
    """With or without close_notify, on either event loop."""
    context, tls = None, ssl.create_default_context(cafile=SELF_SIGNED)
    if scheme == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(SELF_SIGNED)

    async def scene(url: str) -> AttemptResult:
        tls.check_hostname = False
        sender = HttpSender(public=False, tls=tls)
        result = await post(sender, url)
        await sender.close()
        return result

    with socket.create_server(("127.0.0.1", 0)) as listener:
        answering = threading.Thread(target=answer_rudely, args=(listener, context))
        answering.start()
        result = run_in(loop, scene(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/"))
        answering.join()
    assert (result.error, result.response and result.response.status) == (None, 200)


async def test_a_host_name_without_an_address_is_reported_as_unknown(
    sender: HttpSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: [])
    result = await post(sender, "http://shop.test/")

    assert result.error == "cannot resolve the host shop.test"


async def test_answers_are_received_into_a_small_buffer_on_every_connection(
    receiver: Receiver, sender: HttpSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The default of 256 KB would be allocated for each."""
    sizes: list[int] = []

    def received(self: ResponseHandler, data: bytes) -> None:
        sizes.append(getattr(self.transport, "max_size", 0))
        take(self, data)

    take = ResponseHandler.data_received
    monkeypatch.setattr(ResponseHandler, "data_received", received)
    results = [await post(sender, receiver.url) for _ in range(2)]

    assert [each.error for each in results] == [None, None]
    assert set(sizes) == {RECEIVE_BUFFER}


async def test_certificates_of_a_given_file_are_trusted() -> None:
    """In addition to those of the system."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(SELF_SIGNED)
    async with receiving(tls=context) as receiver:
        sender = HttpSender(public=False, tls=trusting(SELF_SIGNED))
        result = await post(sender, receiver.url)
        await sender.close()

    assert result.error is None
    assert trusting(None) is True
