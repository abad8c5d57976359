"""Owns the client's side of the event stream: its request, and its messages read line by line."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from payments_sandbox.client.messages import HttpRequest, control_request


class StreamMessage(NamedTuple):
    """One message of the event stream.

    Attributes:
        kind: what it is about: `request`, `event`, `delivery` or `held`.
        value: that, as the control API shows it; a delivery with its newest attempt alone, and of
            `held` the list of all calls that are held now.
        id: what to send as `last_event_id` to go on after it.
    """

    kind: str
    value: dict[str, Any]
    id: str


class MessageReader:
    """Makes messages of the lines of a stream; half a message at its end is dropped.

    Args:
        on_connected: called once, when the first line arrives.
    """

    def __init__(self, on_connected: Callable[[], None] | None = None) -> None:
        self._on_connected = on_connected
        self._fields: dict[str, str] = {}

    def read(self, line: str) -> StreamMessage | None:
        """Take in a line without its end; returns the message that it completes."""
        if self._on_connected is not None:
            self._on_connected()
            self._on_connected = None
        name, _, value = line.partition(":")
        if name:
            self._fields[name] = value.removeprefix(" ")
        elif not line and "data" in self._fields:
            fields, self._fields = self._fields, {}
            value = json.loads(fields["data"])
            return StreamMessage(fields.get("event", ""), value, fields.get("id", ""))
        return None


def stream_request(last: int | None, last_event_id: str | None) -> HttpRequest:
    """Write the request for the stream.

    Args:
        last: how many requests of the journal to begin with.
        last_event_id: the `id` of the message to go on after; goes before `last`.
    """
    request = control_request("GET", "/stream", query={"last": last})
    headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    return request._replace(headers=headers)
