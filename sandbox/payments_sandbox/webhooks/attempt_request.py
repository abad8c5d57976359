"""Owns what an attempt sends: headers, body and signature, and what rules of scenarios spoil."""

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
"""What `unknown_type` makes of the second half of an event's type."""

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
    """What an attempt sends.

    Args:
        message: the event.
        endpoint: where to.
        effects: what rules do to this attempt.
        now: on the world's clock: which secrets are valid.
        sent_at: the real time; the signature carries one of the two, as the endpoint has it.
        wrong_secret: what a forger signs with; asked for when one does.
    """
    body = _patched(message.body, effects)
    sent = _spoiled(body, effects.malform)
    # What is cut on its way was signed when it was whole; all else is signed as it is sent.
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
        **dict(_besides(name, value) for name, value in endpoint.headers),
        **_damaged(signature, endpoint, effects.signature),
    }
    is_stale = abs(effects.timestamp) > TOLERANCE * SECOND
    return WebhookRequest(
        now,
        sent_at,
        headers,
        sent,
        is_forged=effects.signature in _FORGED or signed != sent,
        is_stale=is_stale and endpoint.signing.scheme is not Scheme.HMAC,
        dropped_by=", ".join(effects.rules) if effects.drop else None,
    )


def _besides(name: str, value: str) -> tuple[str, str]:
    """A header of the endpoint; a User-Agent, however it is written, comes before ours.

    A sandbox, this one or another node of a cluster, knows by ours that what comes is a webhook,
    which would set off the next where a sandbox takes it for a client.
    """
    return (
        ("User-Agent", f"{value} {USER_AGENT}") if name.lower() == "user-agent" else (name, value)
    )


def _patched(body: bytes, effects: WebhookEffects) -> bytes:
    if not effects.patches and not effects.unknown_type:
        return body
    value = orjson.loads(body)  # an object: we have written it
    if effects.unknown_type:
        family = str(value["type"]).partition(".")[0]
        value["type"] = f"{family}.{UNKNOWN}"
    return orjson.dumps(_merged(value, effects.patches))


def _merged(value: object, patches: Iterable[Mapping[str, object]]) -> object:
    for patch in patches:
        value = merged(value, patch)
    return value


def _spoiled(body: bytes, fault: BodyFault | None) -> bytes:
    match fault:
        case None | BodyFault.WRONG_CONTENT_TYPE:
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


def _damaged(
    signature: dict[str, str], endpoint: Endpoint, fault: Signature | None
) -> dict[str, str]:
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
