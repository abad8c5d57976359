"""Tests what can go wrong on the way to a receiver: each failure has its reason, and is retried."""

import asyncio
import errno
import socket
import ssl
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from payments_sandbox.server.webhooks.sender import HttpSender
from payments_sandbox.webhooks.delivery import KEPT_BODY, AttemptResult
from tests.support.http import DeliveryJson, WebhookApi, attempt_errors
from tests.support.receiver import SELF_SIGNED, Answer, End, Receiver, receiving


async def failed(webhooks: WebhookApi, url: str, **settings: object) -> DeliveryJson:
    """Return the delivery of one event to an endpoint, after its failed first attempt."""
    await webhooks.create_endpoint(url, **settings)
    await webhooks.pay()
    delivery = await webhooks.only_delivery()
    assert delivery["status"] == "pending"
    assert delivery["next_attempt_at"] == "2030-01-15T10:30:05Z"
    return delivery


@pytest.fixture
def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_fails_with_its_target_and_is_not_followed(
    webhooks: WebhookApi, receiver: Receiver, status: int
) -> None:
    receiver.script(Answer(status=status, headers={"Location": f"{receiver.origin}/elsewhere"}))
    delivery = await failed(webhooks, receiver.url)

    told = f"answered {status}, a redirect to {receiver.origin}/elsewhere, which is not followed"
    assert attempt_errors(delivery) == [told]
    assert [hit.target for hit in receiver.hits] == ["/webhooks"]


async def test_a_redirect_to_a_metadata_address_is_reported_and_not_followed(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    target = "http://169.254.169.254/latest/meta-data/"
    receiver.script(Answer(status=302, headers={"Location": target}))
    delivery = await failed(webhooks, receiver.url)

    assert attempt_errors(delivery) == [
        f"answered 302, a redirect to {target}, which is not followed"
    ]
    assert delivery["attempts"][0]["response"]["status"] == 302


async def test_a_redirect_without_a_location_is_reported_as_such(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    receiver.script(304)
    delivery = await failed(webhooks, receiver.url)

    assert attempt_errors(delivery) == [
        "answered 304, a redirect to nowhere, which is not followed"
    ]


async def test_no_answer_within_the_endpoints_timeout_fails(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    """In wall time."""
    receiver.script(Answer(gate=asyncio.Event()))
    delivery = await failed(webhooks, receiver.url, timeout="50ms")

    assert attempt_errors(delivery) == ["no answer within 0.05 s"]
    assert delivery["attempts"][0]["response"] is None
    assert delivery["attempts"][0]["duration_ms"] >= 50


async def test_an_answer_whose_body_does_not_arrive_in_time_fails(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nnot all"
    receiver.script(Answer(raw=head))
    delivery = await failed(webhooks, receiver.url, timeout="50ms")

    assert attempt_errors(delivery) == ["no answer within 0.05 s"]


async def test_a_slow_answer_within_the_timeout_is_delivered(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    receiver.script(Answer(after=0.1))
    await webhooks.create_endpoint(receiver.url, timeout="30s")
    await webhooks.pay()
    delivery = await webhooks.only_delivery()

    assert (delivery["status"], attempt_errors(delivery)) == ("delivered", [None])
    assert delivery["attempts"][0]["duration_ms"] >= 95


async def test_the_default_timeout_of_an_endpoint_is_10_seconds(
    webhooks: WebhookApi, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []
    post = HttpSender.post

    async def spied(
        sender: HttpSender, url: str, *, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> AttemptResult:
        given.append(timeout_ms)
        return await post(sender, url, headers=headers, body=body, timeout_ms=timeout_ms)

    monkeypatch.setattr(HttpSender, "post", spied)
    await webhooks.create_endpoint(receiver.url)
    await webhooks.pay()
    await webhooks.only_delivery()

    assert given == [10_000]


async def test_a_refused_connection_is_reported(webhooks: WebhookApi, free_port: int) -> None:
    """With the headers that would have been sent."""
    delivery = await failed(webhooks, f"http://127.0.0.1:{free_port}/")

    assert attempt_errors(delivery) == ["the connection was refused"]
    sent = delivery["attempts"][0]["request"]["headers"]
    assert sent["webhook-id"] == delivery["event_id"]


async def test_a_refused_connection_to_a_host_name_is_reported_in_the_same_words(
    webhooks: WebhookApi, free_port: int
) -> None:
    """Even if the name has several addresses."""
    delivery = await failed(webhooks, f"http://localhost:{free_port}/")

    assert attempt_errors(delivery) == ["the connection was refused"]


def refuse_names(monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    """Make every lookup of a name below `.invalid` fail with this error."""
    look_up = socket.getaddrinfo

    def refusing(host: str | None, *rest: Any, **named: Any) -> Any:  # noqa: ANN401 - as the system's
        if host is not None and host.endswith(".invalid"):
            raise failure
        return look_up(host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", refusing)


@pytest.mark.parametrize(
    "failure",
    [
        socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
        OSError(errno.EMFILE, "Too many open files"),
    ],
)
async def test_a_failed_name_lookup_is_reported_with_its_reason_and_not_as_unknown(
    webhooks: WebhookApi, monkeypatch: pytest.MonkeyPatch, failure: OSError
) -> None:
    """It may succeed the next time."""
    refuse_names(monkeypatch, failure)
    delivery = await failed(webhooks, "http://nobody.invalid/webhooks")

    assert attempt_errors(delivery) == [
        f"cannot resolve the host nobody.invalid: {failure.strerror}"
    ]


async def test_a_name_lookup_without_a_free_thread_fails_the_attempt(
    webhooks: WebhookApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The delivery used to stay pending for ever."""
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "payments-sandbox-names":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    delivery = await failed(webhooks, "http://nobody.invalid/webhooks")

    assert attempt_errors(delivery) == [
        "cannot resolve the host nobody.invalid: can't start new thread"
    ]


async def test_an_unknown_host_is_reported_by_name(
    webhooks: WebhookApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_names(monkeypatch, socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
    delivery = await failed(webhooks, "http://nobody.invalid/webhooks")

    assert attempt_errors(delivery) == ["cannot resolve the host nobody.invalid"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (
            Answer(raw=b"", end=End.RESET),
            "the connection was reset",
        ),
        (
            Answer(raw=b"", end=End.CLOSED),
            "the connection was closed before the answer was complete",
        ),
        (
            Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", end=End.CLOSED),
            "the connection was closed before the answer was complete",
        ),
        (
            Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Le", end=End.CLOSED),
            "the connection was closed before the answer was complete",
        ),
    ],
    ids=["reset", "closed", "half a body", "half a head"],
)
async def test_a_connection_that_ends_before_the_answer_is_reported_and_retried(
    webhooks: WebhookApi, receiver: Receiver, answer: Answer, error: str
) -> None:
    receiver.script(answer)
    delivery = await failed(webhooks, receiver.url)

    assert attempt_errors(delivery) == [error]
    assert delivery["attempts"][0]["response"] is None
    await webhooks.advance("5s")
    assert len(receiver.hits) == 2


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"\x00\x01\x02\xff" * 9,
        b"HTTP/1.1 4111111111111111 No\r\n\r\n",
    ],
)
async def test_an_answer_that_is_not_http_is_reported_in_one_masked_line(
    webhooks: WebhookApi, receiver: Receiver, raw: bytes
) -> None:
    receiver.script(Answer(raw=raw, end=End.CLOSED))
    delivery = await failed(webhooks, receiver.url)
    (error,) = attempt_errors(delivery)

    assert error is not None
    assert error.startswith("the answer is not HTTP: ")
    assert "\n" not in error
    assert "4111111111111111" not in error
    assert len(error) < 300


async def test_an_untrusted_certificate_fails_with_the_option_that_would_trust_it(
    webhooks: WebhookApi,
) -> None:
    """The receiver gets no request."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(SELF_SIGNED)
    async with receiving(tls=context) as receiver:
        delivery = await failed(webhooks, receiver.url)

    (error,) = attempt_errors(delivery)
    assert error is not None
    assert error.startswith("TLS failed: ")
    assert "self-signed certificate" in error
    assert error.endswith("; --webhook-ca FILE trusts the certificates in a file")
    assert "\n" not in error
    assert receiver.hits == []


async def test_https_to_a_plain_http_receiver_is_reported_as_a_tls_failure(
    webhooks: WebhookApi,
) -> None:

    def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        delivery = await failed(webhooks, f"https://127.0.0.1:{port}/")

    (error,) = attempt_errors(delivery)
    assert error is not None
    assert error.startswith("TLS failed: ")


async def test_a_huge_answer_is_cut_at_20_kb_and_its_connection_not_reused(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    receiver.usual = Answer(body=b"x" * 5_000_000)
    await webhooks.create_endpoint(receiver.url)
    await webhooks.pay()
    await webhooks.settle()
    await webhooks.pay()
    first, second = await webhooks.settle()

    assert KEPT_BODY == 20 * 1024
    for delivery in (first, second):
        (attempt,) = delivery["attempts"]
        assert (delivery["status"], attempt["response"]["body"]) == ("delivered", "x" * KEPT_BODY)
    assert [hit.connection for hit in receiver.hits] == [0, 1]


async def test_answers_below_20_kb_keep_the_connection_for_the_next_delivery(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    receiver.script(Answer(body=b"x" * (KEPT_BODY - 1)), Answer(body=b""), 204, 404)
    await webhooks.create_endpoint(receiver.url)
    for _ in range(5):
        await webhooks.pay()
        await webhooks.settle()

    assert [hit.connection for hit in receiver.hits] == [0] * 5


async def test_a_receiver_that_closes_its_connections_causes_no_failed_attempts(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    receiver.usual = Answer(end=End.CLOSED)
    await webhooks.create_endpoint(receiver.url)
    for _ in range(5):
        await webhooks.pay()
        await webhooks.settle()
    deliveries = await webhooks.deliveries()

    assert [attempt_errors(each) for each in deliveries] == [[None]] * 5


async def test_an_answer_that_is_not_text_is_shown_with_replacement_characters(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    receiver.script(Answer(body=b"\xff\x00ok", headers={"Content-Type": "image/png"}))
    await webhooks.create_endpoint(receiver.url)
    await webhooks.pay()
    delivery = await webhooks.only_delivery()

    assert delivery["attempts"][0]["response"]["body"] == "�\x00ok"


async def test_interim_1xx_answers_are_ignored(webhooks: WebhookApi, receiver: Receiver) -> None:
    """Such as a 103 before the 200."""
    raw = b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    receiver.script(Answer(raw=raw))
    await webhooks.create_endpoint(receiver.url)
    await webhooks.pay()
    delivery = await webhooks.only_delivery()

    assert (delivery["status"], delivery["attempts"][0]["response"]["status"]) == ("delivered", 200)
