"""Owns `payments-sandbox listen`: it prints, and forwards, a world's webhooks as they are sent."""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, cast

from payments_sandbox.cli.follow import OF_ATTEMPTS, SILENCE, follow, sum_up
from payments_sandbox.cli.options import Commands, add_command, webhook_url
from payments_sandbox.cli.processes.signals import signals_blocked, until_stopped
from payments_sandbox.cli.remote_options import add_remote_options, control_client
from payments_sandbox.cli.terminal.columns import fact_line
from payments_sandbox.cli.terminal.screen import screen_of
from payments_sandbox.cli.terminal.standard_streams import remark
from payments_sandbox.core.colours import NAME

if TYPE_CHECKING:
    from payments_sandbox.client.client import SandboxClient
    from payments_sandbox.client.messages import StreamMessage
    from payments_sandbox.client.models import (
        DeliveryModel,
        WebhookEndpointEventLiteral,
        WebhookEndpointModel,
    )
    from payments_sandbox.server.log.lines import WebhookLine

TEXT: Final = """\
Print every webhook attempt of a world: the time, the event, the receiver, the answer and
the time of the next attempt. Times are those of the world's clock.

examples:
  payments-sandbox listen
  payments-sandbox listen --forward-to http://localhost:3000/webhooks
      also send them there, signed with the printed secret
  payments-sandbox listen --events 'payment.*' --events refund.created
  payments-sandbox listen --json
      each as one line of JSON, with the request and the answer"""

MOST: Final = 1_000
"""Endpoints per page."""

TIMEOUT: Final = 5.0
"""Seconds that a server may take to list the endpoints, or to make or delete ours."""

FRESH_FOR: Final = 1
"""Seconds for which the urls of endpoints are cached."""


def add_to(commands: Commands) -> None:
    """Add the command."""
    options = add_command(
        commands,
        "listen [--forward-to URL] [--events FILTER]… [--json] [options]",
        "print webhooks as they are sent, and forward them",
        TEXT,
        run,
    )
    options.value(
        "--forward-to",
        "a webhook endpoint while this command runs, such as http://localhost:3000/webhooks",
        read=webhook_url,
        metavar="URL",
    )
    options.many(
        "--events",
        "only these: a type such as payment.failed, a family such as payment.* (repeatable)",
        read=event_filter,
        metavar="FILTER",
    )
    options.flag("--json", "all details of each, as one line of JSON")
    add_remote_options(options)


def event_filter(text: str) -> str:
    """Read an event filter; a typo is an error, since it would silently match nothing."""
    known = _filters()
    if text not in known:
        raise ValueError(f"expected one of {', '.join(known)}")
    return text


def _filters() -> list[str]:
    from payments_sandbox.payments.events import (  # takes longer than all of --help
        EVENT_FAMILIES,
        EventType,
    )

    return ["*", *EVENT_FAMILIES, *EventType]


def run(arguments: argparse.Namespace) -> int:
    """Print webhooks until a signal comes, then delete the endpoint that forwards them."""
    filters = list(dict.fromkeys(arguments.events)) or ["*"]
    printed: Counter[str] = Counter()
    with (
        until_stopped(),
        control_client(arguments, timeout=SILENCE) as client,
        forwarding(arguments, filters) as forward,
    ):
        printer = _Printer(client, forward, arguments, printed)
        for message in follow(client, on_connected=printer.begin):
            if message.kind in ("event", "delivery") and is_wanted(message.value["type"], filters):
                printer.print(message)
    sum_up("webhooks", printed)
    return 0


def is_wanted(event: str, filters: list[str]) -> bool:
    """Whether one of the filters lets an event of this type through."""
    family = f"{event.partition('.')[0]}.*"
    return any(each in ("*", family, event) for each in filters)


class _Printer:
    """Prints deliveries, and a heading that says what it listens to."""

    def __init__(
        self,
        client: "SandboxClient",
        forward: "Forwarding | None",
        arguments: argparse.Namespace,
        printed: Counter[str],
    ) -> None:
        self._client = client
        self._forward = forward
        self._arguments = arguments
        self._printed = printed
        self._urls: dict[str, str] = {}
        self._asked_at = float("-inf")
        self._announced: str | None = None

    def begin(self) -> None:
        """Make the endpoint, if webhooks are forwarded, and print the heading."""
        if self._forward is not None:
            self._forward.ensure()
        self.announce()

    def announce(self) -> None:
        """Print the heading: once, and again when the endpoint has changed."""
        endpoint = None if self._forward is None else self._forward.endpoint
        endpoint_id = "" if endpoint is None else endpoint["id"]
        if endpoint_id == self._announced:
            return
        self._announced = endpoint_id
        if self._arguments.json:
            facts = {"listening": True, "url": self._client.url, "api_key": self._client.api_key}
            _say(json.dumps(facts | {"endpoint": endpoint}))
            return
        screen = screen_of(self._arguments)
        key = screen.paint(str(self._client.api_key), NAME)
        url = screen.paint(self._client.url, NAME)
        _say(f"Listening to the webhooks of {key} at {url}.")
        if endpoint is not None:
            _say(fact_line(screen, "forwarded to", endpoint["url"], f"  ({endpoint['id']})"))
            _say(fact_line(screen, "webhook secret", endpoint["secret"]))
        _say("  Ctrl-C stops it.")

    def print(self, message: "StreamMessage") -> None:
        """Print a delivery with its attempt, or forward an event that was missed."""
        from payments_sandbox.client.errors import Unreachable

        if message.kind == "delivery":
            self._print_delivery(cast("DeliveryModel", message.value))
        elif self._forward is not None:
            with suppress(Unreachable):  # `begin` makes it again when the server is back
                self._forward.send_missed(message.value["id"])
            self.announce()

    def _print_delivery(self, delivery: "DeliveryModel") -> None:
        self._printed[OF_ATTEMPTS[delivery["status"]]] += 1
        if self._arguments.json:
            _say(json.dumps(delivery))
        else:
            self._print_line(delivery_line(delivery, self._url_of(delivery["endpoint_id"])))

    def _print_line(self, line: "WebhookLine") -> None:
        from payments_sandbox.server.log.text import format_webhook

        screen = screen_of(self._arguments)
        _say(format_webhook(line, screen.width, is_coloured=screen.has_colours))

    def _url_of(self, endpoint_id: str) -> str:
        """The url of an endpoint, which can change; its id if the endpoint is gone."""
        from payments_sandbox.client.errors import ControlError

        if endpoint_id not in self._urls or time.monotonic() - self._asked_at > FRESH_FOR:
            with suppress(ControlError):  # the cached url is good enough
                self._urls |= endpoint_urls(self._client)
            self._asked_at = time.monotonic()
        return self._urls.get(endpoint_id, endpoint_id)


def delivery_line(delivery: "DeliveryModel", url: str) -> "WebhookLine":
    """The line that `serve` prints, but without the attempt's number, which the stream lacks."""
    from payments_sandbox.server.log.lines import WebhookLine

    attempt = delivery["attempts"][-1]
    response = attempt["response"]
    return WebhookLine(
        at=attempt["at"],
        type=delivery["type"],
        status=response["status"] if response else None,
        error=attempt["error"],
        event_id=delivery["event_id"],
        url=url,
        number=None,
        becomes=delivery["status"],
        next_at=delivery["next_attempt_at"],
        duration_ms=attempt["duration_ms"],
        id=delivery["id"],
        world="",
    )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


# Forwarding


def endpoint_urls(client: "SandboxClient") -> dict[str, str]:
    """The url of each endpoint of the world, by id."""
    return {each["id"]: each["url"] for each in client.list_webhook_endpoints(limit=MOST)["data"]}


class Forwarding:
    """An endpoint for forwarding, which is made again with the same secret when it is lost.

    It is lost when the world is reset, or the server restarted.

    Attributes:
        endpoint: the endpoint as it was made last; None at first.
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
        """Make the endpoint unless it exists; return whether it was made.

        Raises:
            ControlError: the server is not there, or rejects the request.
        """
        urls = endpoint_urls(self._client)
        if self._is_among(urls):
            return False
        if self._url in urls.values():
            remark(f"{self._url} is already an endpoint; each event will be sent twice")
        # The receiver knows the first endpoint's secret, so every later one gets the same.
        secret = None if self.endpoint is None else self.endpoint["secret"]
        with signals_blocked():
            self.endpoint = self._client.create_webhook_endpoint(
                self._url, events=self._filters, secret=secret
            )
        return True

    def send_missed(self, event_id: str) -> None:
        """Send an event that happened while the endpoint did not exist.

        Raises:
            ControlError: the server is not there, or rejects the request.
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
            with suppress(ControlError):  # the event may be gone by now
                self._client.resend_event(event_id, endpoint_id=endpoint_id)

    def end(self) -> None:
        """Delete the endpoint; if the server has gone, the endpoint is gone as well."""
        from payments_sandbox.client.errors import ControlError

        with suppress(ControlError):
            if self.endpoint and self._is_among(endpoint_urls(self._client)):
                self._client.delete_webhook_endpoint(self.endpoint["id"])

    def _is_among(self, urls: dict[str, str]) -> bool:
        """Whether our endpoint is there; after a reset its id may belong to another one."""
        return self.endpoint is not None and urls.get(self.endpoint["id"]) == self._url


@contextmanager
def forwarding(
    arguments: argparse.Namespace, filters: "Sequence[WebhookEndpointEventLiteral]"
) -> Iterator[Forwarding | None]:
    """Forward webhooks while the block runs; yields None without `--forward-to`."""
    if arguments.forward_to is None:
        yield None
        return
    with control_client(arguments, timeout=TIMEOUT) as client:
        made = Forwarding(client, arguments.forward_to, filters)
        try:
            yield made
        finally:
            made.end()
