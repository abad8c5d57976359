"""Owns the webhook endpoint that is there for as long as `listen --forward-to` runs."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, TypedDict, cast

from payments_sandbox.cli.remote import Remote, RemoteError
from payments_sandbox.cli.signals import undisturbed

PATH: Final = "/webhook_endpoints"

PATIENCE: Final = 5
"""Seconds that a server has to say which endpoints there are, to make one, and to take it back."""


class Endpoint(TypedDict):
    """A webhook endpoint, as far as it concerns us."""

    id: str
    url: str
    secret: str


def endpoints_of(remote: Remote) -> dict[str, str]:
    """The url of each endpoint of the world, by id."""
    page = remote.ask("GET", f"{PATH}?limit=1000", patience=PATIENCE)
    return {each["id"]: each["url"] for each in cast("list[Endpoint]", page["data"])}


class Forwarding:
    """An endpoint that is made again when it is lost, with the same secret.

    A world that is reset and a server that is restarted have forgotten it.

    Args:
        remote: whose endpoint.
        url: where to.
        filters: which events.
    """

    def __init__(self, remote: Remote, url: str, filters: list[str]) -> None:
        self._remote = remote
        self._url = url
        self._wanted: dict[str, object] = {"url": url, "events": filters}
        self._is_late = False
        self.endpoint: Endpoint | None = None

    def ensure(self) -> bool:
        """Make the endpoint unless it is there; returns whether it was made.

        Raises:
            RemoteError: the server is not there, or refuses.
        """
        there = endpoints_of(self._remote)
        if self._is_among(there):
            return False
        if self._url in there.values():
            sys.stderr.write(
                f"payments-sandbox: {self._url} is an endpoint already: each event comes twice.\n"
            )
        body = json.dumps(self._wanted).encode()
        with undisturbed():
            made = self._remote.ask("POST", PATH, body, patience=PATIENCE)
            self.endpoint = cast("Endpoint", made)
        self._wanted["secret"] = self.endpoint["secret"]  # the receiver has it by now
        return True

    def happened(self, event_id: str) -> None:
        """Send an event that happened while the endpoint was not there.

        Raises:
            RemoteError: the server is not there, or refuses.
        """
        self._is_late = self.ensure() or self._is_late
        if self.endpoint is None or not self._is_late:
            return
        endpoint_id = self.endpoint["id"]
        query = f"limit=1&event_id={event_id}&endpoint_id={endpoint_id}"
        if self._remote.ask("GET", f"/deliveries?{query}")["data"]:
            self._is_late = False
        else:
            body = json.dumps({"endpoint_id": endpoint_id}).encode()
            with suppress(RemoteError):  # the event may be gone again
                self._remote.ask("POST", f"/events/{event_id}/resend", body)

    def end(self) -> None:
        """Delete the endpoint; a server that has gone has forgotten it anyway."""
        with suppress(RemoteError):
            if self.endpoint and self._is_among(endpoints_of(self._remote)):
                self._remote.ask("DELETE", f"{PATH}/{self.endpoint['id']}", patience=PATIENCE)

    def _is_among(self, there: dict[str, str]) -> bool:
        """Whether ours is there; after a reset its id may be somebody else's."""
        return self.endpoint is not None and there.get(self.endpoint["id"]) == self._url


@contextmanager
def forwarding(remote: Remote, url: str | None, filters: list[str]) -> Iterator[Forwarding | None]:
    """Forward for as long as the block runs; None without a url."""
    made = None if url is None else Forwarding(remote, url, filters)
    try:
        yield made
    finally:
        if made is not None:
            made.end()
