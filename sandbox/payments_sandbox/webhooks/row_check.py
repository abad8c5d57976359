"""Owns the check of the rows of a snapshot of webhooks, which may come from outside."""

from collections.abc import Sequence
from typing import Any, Final

import orjson

from payments_sandbox.core.value_checks import (
    is_duration,
    is_fact,
    is_instant,
    is_number,
    is_text,
    list_of,
    map_of,
    maybe,
    row,
    whole,
)
from payments_sandbox.webhooks.delivery import DeliveryStatus
from payments_sandbox.webhooks.endpoint import INBOX_NAME, Endpoint
from payments_sandbox.webhooks.endpoint_settings import HEADER_NAME, MAX_RETRY_DELAY, TIMEOUTS
from payments_sandbox.webhooks.signing import check_secret
from payments_sandbox.webhooks.target_policy import why_blocked

_is_endpoint: Final = row(
    is_number,
    is_text,
    is_text,
    is_text,
    maybe(is_text),
    list_of(is_text),
    maybe(is_text),
    is_fact,
    row(is_text, is_text, is_text, is_text),
    list_of(row(is_text, is_text)),
    maybe(is_text),
    is_instant,
    is_number,
    maybe(list_of(whole(0, MAX_RETRY_DELAY))),
    whole(TIMEOUTS[0], TIMEOUTS[-1]),
    is_text,
)

_is_attempt: Final = row(
    is_instant,
    is_instant,
    map_of(is_text),
    maybe(is_text),
    is_fact,
    is_fact,
    maybe(is_text),
    map_of(is_text),
    maybe(row(whole(0, 999), map_of(is_text), is_text, maybe(is_text))),
    maybe(is_text),
    is_duration,
)

_is_delivery: Final = row(
    is_number,
    row(is_text, is_text, maybe(is_text), is_text),
    is_text,
    is_fact,
    is_text,
    maybe(is_instant),
    list_of(row(is_text, is_text, is_number)),
    maybe(is_text),
    list_of(_is_attempt),
)

_is_message: Final = row(
    is_number, is_instant, map_of(is_text), is_text, maybe(is_text), maybe(is_text)
)

_is_inbox: Final = row(is_text, is_number, list_of(whole(200, 599)), list_of(_is_message))

_PARTS: Final = {
    "made": is_number,
    "count": is_number,
    "dropped": is_number,
    "attempted": is_number,
    "windows": map_of(is_instant),
    "finished": list_of(is_number),
    "endpoints": list_of(_is_endpoint),
    "deliveries": list_of(_is_delivery),
    "inboxes": list_of(_is_inbox),
}
"""The check of each part."""


def check_rows(kept: dict[str, Any]) -> None:
    """Check that a snapshot of webhooks is one that a world can write.

    Raises:
        ValueError: a value is invalid, or contradicts another.
        KeyError: a part is missing.
    """
    for part, is_right in _PARTS.items():
        if not is_right(kept[part]):
            raise ValueError(f"{part} are none of webhooks")
    _check_deliveries(kept)
    for name, count, _, messages in kept["inboxes"]:
        if not INBOX_NAME.fullmatch(name) or not _are_last(messages, count):
            raise ValueError("messages are numbered as they came")


def _check_deliveries(kept: dict[str, Any]) -> None:
    numbers, ended = set(), []
    endpoints = {row[1] for row in kept["endpoints"]}
    for number, (_, _, _, body), endpoint, _, status, *_ in kept["deliveries"]:
        numbers.add(number)
        if status != DeliveryStatus.PENDING:
            ended.append(number)
        elif endpoint not in endpoints:
            raise ValueError("a delivery waits for an endpoint that is not there")
        event = orjson.loads(body)
        if not isinstance(event, dict) or not is_text(event.get("type")):
            raise ValueError("what is delivered is no event")
    if len(numbers) != len(kept["deliveries"]) or max(numbers, default=-1) >= kept["count"]:
        raise ValueError("deliveries are numbered as they came")
    if sorted(kept["finished"]) != sorted(ended):
        raise ValueError("those that have ended are not those that have")


def _are_last(rows: Sequence[list[Any]], count: int) -> bool:
    """Whether rows, which begin with their numbers, are the last ones of `count` rows."""
    return [row[0] for row in rows] == [*range(count - len(rows), count)]


def check_endpoint(endpoint: Endpoint) -> None:
    """Check that an endpoint is one that the control API could have made.

    Raises:
        ValueError: its URL is not allowed, it cannot sign, or its headers cannot be sent.
    """
    if why_blocked(endpoint.url, public=True) is not None:
        raise ValueError("an endpoint leads nowhere")
    if endpoint.inbox is not None and not INBOX_NAME.fullmatch(endpoint.inbox):
        raise ValueError("an inbox has no such name")
    check_secret(endpoint.secret, endpoint.signing.scheme)
    if endpoint.previous is not None:
        check_secret(endpoint.previous, endpoint.signing.scheme)
    signing = endpoint.signing
    if signing.header and not HEADER_NAME.fullmatch(signing.header):
        raise ValueError("a signature is in no header")
    for name, value in (*endpoint.headers, ("prefix", signing.prefix)):
        if not HEADER_NAME.fullmatch(name) or not (value.isascii() and value.isprintable()):
            raise ValueError("a header cannot be sent")
