"""Owns the settings of webhook endpoints in requests and scenarios: parsing and checks."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from payments_sandbox.contract.control_routes import CONTROL_PATH
from payments_sandbox.core.errors import InvalidRequest, parse_field
from payments_sandbox.core.instants import DAY, SECOND, read_duration, show_duration
from payments_sandbox.core.masking import (
    contains_card_number,
    is_credential,
    mask_header,
    mask_text,
)
from payments_sandbox.webhooks.endpoint import INBOX, INBOX_NAME, Endpoint, TimestampClock
from payments_sandbox.webhooks.signing import (
    DEFAULT_HEADER,
    STANDARD,
    STANDARD_HEADERS,
    Encoding,
    Scheme,
    Signing,
    check_secret,
)
from payments_sandbox.webhooks.target_policy import TargetPolicy, why_blocked

MAX_RETRY_DELAY: Final = 365 * DAY
"""The most virtual milliseconds between two attempts."""

TIMEOUTS: Final = range(10, 30 * SECOND + 1)
"""The allowed timeouts of receivers, in milliseconds."""

_NO_CARD: Final = "expected no card number and no security code"
HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_OURS: Final = frozenset(
    {*STANDARD_HEADERS, "connection", "content-length", "content-type", "expect", "host"}
    | {"te", "trailer", "transfer-encoding", "upgrade"}
)


def apply_settings(endpoint: Endpoint, body: Mapping[str, Any], policy: TargetPolicy) -> Endpoint:
    """Return an endpoint with changed settings, after checking all of them together.

    Args:
        endpoint: the present endpoint.
        body: the settings to change, valid by the schema of webhook endpoints.
        policy: where the URL may lead.

    Raises:
        InvalidRequest: a setting is invalid; the details name the field.
    """
    endpoint = replace(
        endpoint,
        url=body.get("url", endpoint.url),
        events=tuple(body.get("events", endpoint.events)),
        description=mask_text(body.get("description", endpoint.description) or "") or None,
        enabled=body.get("enabled", endpoint.enabled),
        secret=body.get("secret", endpoint.secret),
        signing=_signing(body["signature"]) if "signature" in body else endpoint.signing,
        headers=tuple(body["headers"].items()) if "headers" in body else endpoint.headers,
        timestamp=TimestampClock(body.get("timestamp", endpoint.timestamp)),
    )
    if "url" in body:
        endpoint = replace(endpoint, inbox=_inbox(endpoint.url, policy))
    if "retries" in body:
        endpoint = replace(endpoint, delays=_delays(body["retries"]))
    if "timeout" in body:
        endpoint = replace(endpoint, timeout=_timeout(body["timeout"]))
    _check_headers(endpoint)
    if problem := _why_secret_refused(endpoint.secret, endpoint.signing):
        raise InvalidRequest(f"/secret: {problem}.")
    if endpoint.previous and _why_secret_refused(endpoint.previous, endpoint.signing):
        endpoint = replace(endpoint, previous=None)  # it does not fit the new scheme
    return endpoint


def _why_secret_refused(secret: str, signing: Signing) -> str | None:
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
        raise InvalidRequest(f"/signature/{unknown[0]}: not allowed with the scheme {scheme}.")
    if scheme is Scheme.STANDARD:
        return STANDARD
    return Signing(
        scheme,
        header=wanted.get("header", DEFAULT_HEADER),
        prefix=wanted.get("prefix", ""),
        encoding=Encoding(wanted.get("encoding", Encoding.HEX)),
    )


def _inbox(url: str, policy: TargetPolicy) -> str | None:
    """The name of the built-in receiver that a URL leads to, in its short or full form, or None."""
    if problem := why_blocked(url, public=policy.public):
        raise InvalidRequest(f"/url: {problem}.")
    if url.startswith(INBOX):
        return url.removeprefix(INBOX)
    if not policy.is_sandbox(url):
        return None
    name = urlsplit(url).path.removeprefix(f"{CONTROL_PATH}/inbox/")
    if not INBOX_NAME.fullmatch(name):
        raise InvalidRequest(
            "/url: expected a receiver, not the sandbox itself; use inbox:NAME for a built-in"
            " receiver."
        )
    return name


def _check_headers(endpoint: Endpoint) -> None:
    reserved = _OURS | {endpoint.signing.header.lower()}
    seen: set[str] = set()
    for name, value in endpoint.headers:
        if not HEADER_NAME.fullmatch(name) or contains_card_number(name):
            raise InvalidRequest("/headers: expected header names, such as X-Tenant.")
        if name.lower() in reserved:
            raise InvalidRequest(
                f"/headers/{name}: expected a header that the sandbox does not set."
            )
        if name.lower() in seen:
            raise InvalidRequest(f"/headers/{name}: expected each header once; case is ignored.")
        if not is_credential(name) and mask_header(name, value) != value:
            raise InvalidRequest(f"/headers/{name}: {_NO_CARD}.")
        seen.add(name.lower())
    if any(map(contains_card_number, (endpoint.signing.header, endpoint.signing.prefix))):
        raise InvalidRequest(f"/signature: {_NO_CARD}.")
    if endpoint.signing.header.lower() in _OURS:
        raise InvalidRequest("/signature/header: expected a header without another meaning.")


def _delays(wanted: list[str]) -> tuple[int, ...]:
    delays = []
    for place, text in enumerate(wanted):
        delays.append(delay := parse_field(read_duration, f"retries/{place}", text))
        if delay > MAX_RETRY_DELAY:
            longest = show_duration(MAX_RETRY_DELAY)
            raise InvalidRequest(f"/retries/{place}: expected a duration of at most {longest}.")
    return tuple(delays)


def _timeout(text: str) -> int:
    timeout = parse_field(read_duration, "timeout", text)
    if timeout not in TIMEOUTS:
        raise InvalidRequest("/timeout: expected a duration from 10ms to 30s.")
    return timeout
