"""Tests failures of the sandbox itself: the error envelope, and a traceback in the log."""

from typing import Any, NoReturn

import pytest

from payments_sandbox.server.factory import AssembledServer
from tests.support.http import Api, ask, envelope, paid
from tests.support.values import AUTHORIZED, documented_create

FAILED = envelope("internal_error", "The sandbox itself failed; its log has the traceback.")
LIMITS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


class Bug(Exception):
    """An unexpected exception."""


def broken(*_: object, **__: object) -> NoReturn:
    """Raise a bug in place of any function."""
    raise Bug


AFTER_THE_KEY = {
    "time": ("payments_sandbox.world.world.World.catch_up", broken),
    "the journal": ("payments_sandbox.world.journal.Journal.add", broken),
    "an envelope": ("payments_sandbox.api.gateway.refusal", broken),
    "the path's mask": ("payments_sandbox.api.gateway.mask_target", broken),
    "the limiter": ("payments_sandbox.payments.rate_limiter.RateLimiter.take", broken),
}
ANYWHERE = {
    "the origin guard": ("payments_sandbox.server.origin_guard.HostPolicy.allows", broken),
    "the key": ("payments_sandbox.world.registry.Worlds.get_or_create", broken),
    "the target": ("payments_sandbox.server.request_handler.target_of", broken),
    "the routes": ("payments_sandbox.server.routing.Routes.find", broken),
}


@pytest.mark.parametrize("where", AFTER_THE_KEY)
async def test_a_failure_after_the_key_is_known_is_a_500_with_the_rate_limit(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    """One traceback is logged, and the server continues."""
    target, failing = AFTER_THE_KEY[where]
    with monkeypatch.context() as patched:
        patched.setattr(target, failing)
        body = documented_create(amount=0)
        async with api.post("/v3/payments", json=body) as reply:
            found = reply.status, reply.headers["Content-Type"], await reply.json()
            limits = [name for name in LIMITS if reply.headers[name].isdecimal()]

    assert found == (500, "application/json", FAILED)
    assert limits == list(LIMITS)
    assert [bugs_in(record) for record in caplog.records] == [[Bug]]
    assert (await paid(api))["status"] == "completed"


@pytest.mark.parametrize(
    "where", ["log.request_log.RequestLog.answered", "change_notifier.ChangeNotifier.notify"]
)
async def test_a_failure_of_the_log_or_of_notifications_does_not_change_the_reply(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    """The log has the traceback."""
    monkeypatch.setattr(f"payments_sandbox.server.{where}", broken)

    assert (await paid(api))["status"] == "completed"
    assert [bugs_in(record) for record in caplog.records] == [[Bug]]


@pytest.mark.parametrize("where", ANYWHERE)
@pytest.mark.parametrize("path", ["/v3/payments", "/_sandbox/world"])
async def test_a_failure_before_the_key_is_known_is_a_500_without_a_rate_limit(
    api: Api,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    path: str,
    where: str,
) -> None:
    """From either API; whose rate limit it would be is unknown."""
    target, failing = ANYWHERE[where]
    with monkeypatch.context() as patched:
        patched.setattr(target, failing)
        assert await ask(api, "GET", path, 500) == FAILED

    assert [bugs_in(record) for record in caplog.records] == [[Bug]]
    assert (await paid(api))["status"] == "completed"


async def test_a_failure_to_read_a_body_is_a_500_and_the_server_continues(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("payments_sandbox.server.emulated_api.buffered_body", broken)
        body = documented_create(amount=0)
        assert await ask(api, "POST", "/v3/payments", 500, json=body) == FAILED

    assert [bugs_in(record) for record in caplog.records] == [[Bug]]
    assert (await paid(api))["status"] == "completed"


async def test_a_second_failure_while_answering_the_first_is_still_a_500(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Both are in the log."""
    monkeypatch.setattr("payments_sandbox.world.world.World.catch_up", broken)
    monkeypatch.setattr("payments_sandbox.api.gateway.Gateway.give_up", broken)

    assert await ask(api, "GET", "/v3/payments", 500) == FAILED
    assert [bugs_in(record) for record in caplog.records] == [[Bug], [Bug, Bug]]


@pytest.mark.parametrize(
    "path", ["/v3/payments/4111111111111111", "/_sandbox/requests/4111111111111111"]
)
async def test_a_card_number_in_the_path_of_a_failed_request_is_masked_in_the_log(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    monkeypatch.setattr("payments_sandbox.world.world.World.catch_up", broken)
    await ask(api, "GET", path, 500)

    assert [record.getMessage() for record in caplog.records] == [
        f"unhandled error in GET {path.replace('4' + '1' * 11, '*' * 12)}"
    ]


async def test_a_failure_in_the_middle_of_a_stream_closes_the_connection(
    api: Api,
    sandbox: AssembledServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A second head would be taken for the rest of the stream."""
    async with api.get("/_sandbox/stream", headers=AUTHORIZED) as stream:
        assert await stream.content.readuntil(b"\n\n") == b": connected\n\n"
        monkeypatch.setattr("payments_sandbox.server.event_stream.entry_json", broken)
        await ask(api, "GET", "/v3/payments")
        rest = await read_to_the_end(stream)

    assert rest == b""
    assert [bugs_in(record) for record in caplog.records] == [[Bug]]
    assert len(sandbox.runtime.notifier) == 0


async def read_to_the_end(stream: Any) -> bytes:  # noqa: ANN401 - aiohttp's response
    """Return what comes until the connection ends, however that happens."""
    try:
        return bytes(await stream.content.read())
    except Exception as error:  # noqa: BLE001 - aiohttp has several for a body that is cut off
        return b"" if "payload" in str(error).lower() else repr(error).encode()


def bugs_in(record: Any) -> list[type]:  # noqa: ANN401 - a log record
    """Return the exceptions of a record's traceback, innermost first."""
    error = record.exc_info and record.exc_info[1]
    found: list[type] = []
    while error is not None:
        found.append(type(error))
        error = error.__context__
    return found[::-1]
