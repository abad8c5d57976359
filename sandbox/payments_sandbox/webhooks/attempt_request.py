"""Owns the request of an attempt: headers, body, signature, and what scenario rules change."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, assert_never

import orjson

from payments_sandbox import __version__
from payments_sandbox.core.instants import SECOND, Instant
from payments_sandbox.rules.step_outcome import merged
from payments_sandbox.rules.webhook_effects import NO_EFFECTS, BodyFault, Signature, WebhookEffects
from payments_sandbox.webhooks.delivery import EventMessage, WebhookRequest
from payments_sandbox.webhooks.endpoint import Endpoint, TimestampClock
from payments_sandbox.webhooks.signing import SIGNATURE_HEADER, Scheme, sign
from payments_sandbox.webhooks.verification import TOLERANCE

USER_AGENT: Final = f"payments-sandbox/{__version__}"
UNKNOWN: Final = "unheard_of"
"""What `unknown_type` puts in place of the second half of an event's type."""

_FORGED: Final = frozenset({Signature.WRONG_SECRET, Signature.MISSING, Signature.GARBLED})


def request_for(  # noqa: PLR0913 - what an attempt is made of, each by its name
    message: EventMessage,
    endpoint: Endpoint,
    effects: WebhookEffects = NO_EFFECTS,
    *,
    now: Instant,
    sent_at: Instant,
    wrong_secret: Callable[[], str],
) -> WebhookRequest:
    """Make the request of an attempt.

    Args:
        message: the event.
        endpoint: the endpoint to send to.
        effects: what rules do to this attempt.
        now: the instant on the world's clock, which decides which secrets are valid.
        sent_at: the real time. The endpoint's settings say which of the two is signed.
        wrong_secret: returns the secret of a forged signature; called only if one is needed.
    """
    body = message.body
    if effects.patches or effects.unknown_type:
        body = _patched(body, effects)
    sent = body if effects.malform is None else _spoiled(body, effects.malform)
    # A truncated body was signed before it was cut; any other body is signed as it is sent.
    signed = body if effects.malform is BodyFault.TRUNCATED else sent
    signed_at = now if endpoint.timestamp is TimestampClock.WORLD else sent_at
    signature = sign(
        endpoint.signing,
        _secrets(endpoint, effects.signature, now, wrong_secret),
        message=message.event_id,
        sent_at=(signed_at + effects.timestamp) // SECOND,
        body=signed,
    )
    is_text = effects.malform is BodyFault.WRONG_CONTENT_TYPE
    headers = {
        "Content-Type": "text/plain" if is_text else "application/json",
        "User-Agent": USER_AGENT,
    }
    for each in endpoint.headers:
        name, value = _with_user_agent(*each)
        headers[name] = value
    if effects.signature is not None:
        signature = _damaged(signature, endpoint, effects.signature)
    headers |= signature
    is_stale = abs(effects.timestamp) > TOLERANCE * SECOND
    return WebhookRequest(
        now,
        sent_at,
        headers,
        sent,
        is_forged=effects.signature in _FORGED or signed != sent,
        is_stale=is_stale and endpoint.signing.scheme is not Scheme.HMAC,
        dropped_by=", ".join(effects.dropped_by) if effects.drop else None,
    )


def _with_user_agent(name: str, value: str) -> tuple[str, str]:
    """A header of the endpoint; our User-Agent is appended to one of the endpoint.

    A sandbox, this one or another node of a cluster, recognises webhooks by our User-Agent. If it
    took one for a client's call, that call could cause the next webhook, and so on.
    """
    return (
        ("User-Agent", f"{value} {USER_AGENT}") if name.lower() == "user-agent" else (name, value)
    )


def _patched(body: bytes, effects: WebhookEffects) -> bytes:
    value = orjson.loads(body)  # always an object, since we wrote it
    if effects.unknown_type:
        family = str(value["type"]).partition(".")[0]
        value["type"] = f"{family}.{UNKNOWN}"
    return orjson.dumps(_merged(value, effects.patches))


def _merged(value: object, patches: Iterable[Mapping[str, object]]) -> object:
    for patch in patches:
        value = merged(value, patch)
    return value


def _spoiled(body: bytes, fault: BodyFault) -> bytes:
    match fault:
        case BodyFault.WRONG_CONTENT_TYPE:
            return body
        case BodyFault.INVALID_JSON:
            return body.removesuffix(b"}") + b",}"
        case BodyFault.TRUNCATED:
            return body[: len(body) // 2]
        case BodyFault.EMPTY:
            return b""
        case _:
            assert_never(fault)


def _secrets(
    endpoint: Endpoint, fault: Signature | None, now: Instant, wrong_secret: Callable[[], str]
) -> tuple[str, ...]:
    if fault is Signature.WRONG_SECRET:
        return (wrong_secret(),)
    if fault is Signature.PREVIOUS_SECRET and endpoint.previous is not None:
        return (endpoint.previous,)
    return endpoint.secrets_at(now)


def _damaged(signature: dict[str, str], endpoint: Endpoint, fault: Signature) -> dict[str, str]:
    name = (
        SIGNATURE_HEADER if endpoint.signing.scheme is Scheme.STANDARD else endpoint.signing.header
    )
    match fault:
        case Signature.MISSING:
            return {key: value for key, value in signature.items() if key != name}
        case Signature.GARBLED:
            return signature | {name: signature[name].replace(",", "").replace("=", "")[::-1]}
        case _:
            return signature
