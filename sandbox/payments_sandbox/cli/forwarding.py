"""Owns the webhook endpoint that is there for as long as `listen --forward-to` runs."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from payments_sandbox.cli.remote_options import control_client
from payments_sandbox.cli.signals import signals_blocked
from payments_sandbox.cli.terminal.standard_streams import try_to_print

if TYPE_CHECKING:  # imported when something is asked, so that --help is instant
    from payments_sandbox.client.client import SandboxClient
    from payments_sandbox.client.models import WebhookEndpointEventLiteral, WebhookEndpointModel

MOST: Final = 1_000
"""Endpoints of a page."""

TIMEOUT: Final = 5.0
"""Seconds that a server has to say which endpoints there are, to make one, and to take it back."""


def endpoint_urls(client: "SandboxClient") -> dict[str, str]:
    """The url of each endpoint of the world, by id."""
    return {each["id"]: each["url"] for each in client.list_webhook_endpoints(limit=MOST)["data"]}


class Forwarding:
    """An endpoint that is made again when it is lost, with the same secret.

    A world that is reset and a server that is restarted have forgotten it.

    Args:
        client: of its world.
        url: where to.
        filters: which events.

    Attributes:
        endpoint: the endpoint as it was made, or None until it was.
    """

    def __init__(
        self, client: "SandboxClient", url: str, filters: "Sequence[WebhookEndpointEventLiteral]"
    ) -> None:
        self._client = client
        self._url = url
        self._filters = filters
        self._has_missed = False
        self.endpoint: WebhookEndpointModel | None = None

    def ensure(self) -> bool:
        """Make the endpoint unless it is there; returns whether it was made.

        Raises:
            ControlError: the server is not there, or refuses.
        """
        urls = endpoint_urls(self._client)
        if self._is_among(urls):
            return False
        if self._url in urls.values():
            try_to_print(
                f"payments-sandbox: {self._url} is an endpoint already: each event comes twice.",
                sys.stderr,
            )
        # The receiver has the secret by now, so that another endpoint gets the same.
        secret = None if self.endpoint is None else self.endpoint["secret"]
        with signals_blocked():
            self.endpoint = self._client.create_webhook_endpoint(
                self._url, events=self._filters, secret=secret
            )
        return True

    def send_missed(self, event_id: str) -> None:
        """Send an event that happened while the endpoint was not there.

        Raises:
            ControlError: the server is not there, or refuses.
        """
        from payments_sandbox.client.errors import ControlError

        self._has_missed = self.ensure() or self._has_missed
        if self.endpoint is None or not self._has_missed:
            return
        endpoint_id = self.endpoint["id"]
        sent = self._client.list_deliveries(limit=1, event_id=event_id, endpoint_id=endpoint_id)
        if sent["data"]:
            self._has_missed = False
        else:
            with suppress(ControlError):  # the event may be gone again
                self._client.resend_event(event_id, endpoint_id=endpoint_id)

    def end(self) -> None:
        """Delete the endpoint; a server that has gone has forgotten it anyway."""
        from payments_sandbox.client.errors import ControlError

        with suppress(ControlError):
            if self.endpoint and self._is_among(endpoint_urls(self._client)):
                self._client.delete_webhook_endpoint(self.endpoint["id"])

    def _is_among(self, urls: dict[str, str]) -> bool:
        """Whether ours is there; after a reset its id may be somebody else's."""
        return self.endpoint is not None and urls.get(self.endpoint["id"]) == self._url


@contextmanager
def forwarding(
    arguments: argparse.Namespace, filters: "Sequence[WebhookEndpointEventLiteral]"
) -> Iterator[Forwarding | None]:
    """Forward for as long as the block runs; None without `--forward-to`."""
    if arguments.forward_to is None:
        yield None
        return
    with control_client(arguments, timeout=TIMEOUT) as client:
        made = Forwarding(client, arguments.forward_to, filters)
        try:
            yield made
        finally:
            made.end()
