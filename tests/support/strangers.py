"""Owns what must hold after a hostile request: the server is as it was, and its log is calm."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from tests.support.bodies import KEY
from tests.support.serving import Serving
from tests.support.wire import WireReply, exchange, request

RATE_LIMIT_HEADERS = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")


@contextmanager
def leaves_no_trace(server: Serving, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """The block moves no money, makes no world, logs no traceback, and the journal can be read."""
    before = _facts(server)
    yield
    journal = exchange(server.address, request("GET", "/_sandbox/requests?limit=1"))
    assert (journal.status, _facts(server)) == (200, before)
    assert [entry for entry in caplog.records if _is_alarming(entry)] == []


def rate_limit_of(reply: WireReply) -> Mapping[str, bool]:
    """Which of the three rate-limit headers a reply has, as a whole number."""
    return {name: reply.headers.get(name, "").isdecimal() for name in RATE_LIMIT_HEADERS}


def _facts(server: Serving) -> tuple[object, ...]:
    worlds = server.sandbox.runtime.worlds
    ledger = worlds.get_or_create(KEY).ledger
    return dict(ledger.payments.counts), ledger.refunds, ledger.events, len(worlds)


def _is_alarming(entry: logging.LogRecord) -> bool:
    return entry.levelno >= logging.ERROR or entry.exc_info is not None
