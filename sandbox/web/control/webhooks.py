"""Owns the routes of webhook endpoints: make, show, change, delete, give a new secret."""

import re
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from sandbox.contract import representations
from sandbox.contract.control_routes import CONTROL_PATH
from sandbox.domain.endpoints import INBOX, Endpoint
from sandbox.domain.errors import InvalidRequest
from sandbox.domain.instants import DAY, SECOND, read_duration, show_duration
from sandbox.domain.signing import (
    DEFAULT_HEADER,
    STANDARD,
    STANDARD_HEADERS,
    Encoding,
    Scheme,
    Signing,
    check_secret,
)
from sandbox.engine.inbox import NAME
from sandbox.web.control.ask import Ask
from sandbox.web.delivery_view import shown_endpoint
from sandbox.webhooks.guard import problem_of

MOST: Final = 100
"""Endpoints that a world may have."""

LONGEST_DELAY: Final = 365 * DAY
"""Virtual milliseconds between two attempts, at most."""

TIMEOUTS: Final = range(10, 30 * SECOND + 1)
"""Milliseconds that a receiver can be given."""

_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_OURS: Final = frozenset(
    {*STANDARD_HEADERS, "connection", "content-length", "content-type", "expect", "host"}
    | {"te", "trailer", "transfer-encoding", "upgrade"}
)


def list_webhook_endpoints(ask: Ask) -> dict[str, object]:
    """The endpoints, newest first."""
    webhooks = ask.world.webhooks
    found = [] if webhooks is None else list(reversed(webhooks.outbox.endpoints.values()))
    if (start := ask.query.get("starting_after")) is not None:
        ids = [each.id for each in found]
        if start not in ids:
            raise InvalidRequest("/starting_after: expected the id of a webhook endpoint.")
        found = found[ids.index(start) + 1 :]
    limit = ask.query["limit"]
    items = [shown_endpoint(each) for each in found[:limit]]
    return representations.page(items, has_more=len(found) > limit)


def create_webhook_endpoint(ask: Ask) -> dict[str, object]:
    """Make an endpoint; what is refused leaves none."""
    webhooks = ask.world.open_webhooks()
    if len(webhooks.outbox.endpoints) >= MOST:
        raise InvalidRequest(f"/: expected at most {MOST} webhook endpoints; DELETE one first.")
    endpoint = _changed(ask, webhooks.planned(ask.body["url"]))
    webhooks.put(endpoint)
    return shown_endpoint(endpoint)


def retrieve_webhook_endpoint(ask: Ask) -> dict[str, object]:
    """One endpoint."""
    return shown_endpoint(ask.world.open_webhooks().endpoint(ask.variable))


def update_webhook_endpoint(ask: Ask) -> dict[str, object]:
    """Change what is given and keep the rest."""
    webhooks = ask.world.open_webhooks()
    endpoint = _changed(ask, webhooks.endpoint(ask.variable))
    webhooks.put(endpoint)
    return shown_endpoint(endpoint)


def delete_webhook_endpoint(ask: Ask) -> None:
    """Forget an endpoint; what was to be sent to it is not."""
    webhooks = ask.world.open_webhooks()
    webhooks.remove(webhooks.endpoint(ask.variable))


def rotate_secret(ask: Ask) -> dict[str, object]:
    """Give an endpoint a new secret; the old one stays valid for a virtual day."""
    webhooks, world = ask.world.open_webhooks(), ask.world
    endpoint = webhooks.endpoint(ask.variable)
    try:
        rotated = webhooks.rotate(endpoint, ask.body.get("secret"), world.clock.now())
    except ValueError as error:
        raise InvalidRequest(f"/secret: {error}.") from None
    return shown_endpoint(rotated)


def _changed(ask: Ask, endpoint: Endpoint) -> Endpoint:
    """The endpoint with what the body says; it is checked as a whole."""
    body = ask.body
    endpoint = replace(
        endpoint,
        url=body.get("url", endpoint.url),
        events=tuple(body.get("events", endpoint.events)),
        description=body.get("description", endpoint.description) or None,
        enabled=body.get("enabled", endpoint.enabled),
        secret=body.get("secret", endpoint.secret),
        signing=_signing(body["signature"]) if "signature" in body else endpoint.signing,
        headers=tuple(body["headers"].items()) if "headers" in body else endpoint.headers,
    )
    if "url" in body:
        endpoint = replace(endpoint, inbox=_inbox(ask, endpoint.url))
    if "retries" in body:
        endpoint = replace(endpoint, delays=_delays(body["retries"]))
    if "timeout" in body:
        endpoint = replace(endpoint, timeout=_timeout(body["timeout"]))
    _check_headers(endpoint)
    if problem := _problem_of_secret(endpoint.secret, endpoint.signing):
        raise InvalidRequest(f"/secret: {problem}.")
    if endpoint.previous and _problem_of_secret(endpoint.previous, endpoint.signing):
        endpoint = replace(endpoint, previous=None)  # it is none of the scheme that is signed now
    return endpoint


def _problem_of_secret(secret: str, signing: Signing) -> str | None:
    try:
        check_secret(secret, signing.scheme)
    except ValueError as error:
        return str(error)
    return None


def _signing(wanted: dict[str, Any]) -> Signing:
    scheme = Scheme(wanted["scheme"])
    known = {
        Scheme.STANDARD: {"scheme"},
        Scheme.TIMESTAMPED: {"scheme", "header"},
        Scheme.HMAC: {"scheme", "header", "prefix", "encoding"},
    }[scheme]
    if unknown := sorted(wanted.keys() - known):
        raise InvalidRequest(f"/signature/{unknown[0]}: expected nothing; {scheme} has none.")
    if scheme is Scheme.STANDARD:
        return STANDARD
    return Signing(
        scheme,
        header=wanted.get("header", DEFAULT_HEADER),
        prefix=wanted.get("prefix", ""),
        encoding=Encoding(wanted.get("encoding", Encoding.HEX)),
    )


def _inbox(ask: Ask, url: str) -> str | None:
    """The built-in receiver that a url means, by its short or by its real name."""
    if problem := problem_of(url, public=ask.parts.settings.public_webhooks):
        raise InvalidRequest(f"/url: {problem}.")
    if url.startswith(INBOX):
        return url.removeprefix(INBOX)
    parts = urlsplit(url)
    if parts.netloc != ask.request.host:
        return None
    name = parts.path.removeprefix(f"{CONTROL_PATH}/inbox/")
    if not NAME.fullmatch(name):
        raise InvalidRequest(
            "/url: expected a receiver, not the sandbox itself; inbox:NAME is one."
        )
    return name


def _check_headers(endpoint: Endpoint) -> None:
    taken = _OURS | {endpoint.signing.header.lower()}
    for name, _ in endpoint.headers:
        if not _HEADER_NAME.fullmatch(name):
            raise InvalidRequest("/headers: expected names of headers, such as X-Tenant.")
        if name.lower() in taken:
            raise InvalidRequest(f"/headers/{name}: expected a header that is not the sandbox's.")
    if endpoint.signing.header.lower() in _OURS:
        raise InvalidRequest("/signature/header: expected a header that has no other meaning.")


def _delays(wanted: list[str]) -> tuple[int, ...]:
    delays = []
    for place, text in enumerate(wanted):
        try:
            delays.append(delay := read_duration(text))
        except ValueError as error:
            raise InvalidRequest(f"/retries/{place}: {error}.") from None
        if delay > LONGEST_DELAY:
            longest = show_duration(LONGEST_DELAY)
            raise InvalidRequest(f"/retries/{place}: expected a duration of at most {longest}.")
    return tuple(delays)


def _timeout(text: str) -> int:
    try:
        timeout = read_duration(text)
    except ValueError as error:
        raise InvalidRequest(f"/timeout: {error}.") from None
    if timeout not in TIMEOUTS:
        raise InvalidRequest("/timeout: expected a duration from 10ms to 30s.")
    return timeout
