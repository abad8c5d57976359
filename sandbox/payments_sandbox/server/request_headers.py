"""Owns the parsing of a request's header lines, with a cache for lines that come again.

Clients send the same lines with nearly every request. The cache is keyed by the lines themselves,
and the journals of all worlds share one copy of them.
"""

from typing import Final, NamedTuple

from aiohttp import web

from payments_sandbox.api.gateway import key_in
from payments_sandbox.core.errors import InvalidApiKey
from payments_sandbox.core.masking import mask_text

SANDBOX_AGENT: Final = "payments-sandbox/"
"""How the product in the User-Agent of every webhook begins."""

JSON: Final = "application/json"

_KNOWN_AT_MOST: Final = 256
_LONGEST_KNOWN: Final = 2_048
"""How many bytes the values of cached lines may have."""

_USUAL: Final = frozenset({
    b"accept", b"accept-encoding", b"accept-language", b"authorization", b"connection",
    b"content-length", b"content-type", b"host", b"sec-fetch-mode", b"user-agent",
})  # fmt: skip
"""Headers that may be cached; others may carry a secret, or differ with each request."""

_UTF_8: Final = frozenset({"utf-8", "utf8"})


class RequestHeaders(NamedTuple):
    """The parsed header lines of a request.

    Attributes:
        lines: every line as it was received, in order.
        host: the Host; empty if there is none.
        authorizations: the values of all `Authorization` lines.
        key: the API key in them, or the error to answer with if there is no valid one.
        is_from_another_site: whether a browser marks the request as made by another origin's page.
        is_webhook: whether a sandbox has sent the request.
        length: the announced length of the body in bytes; 0 if there is none.
        is_encoded: whether the body is compressed or otherwise encoded.
        wrong_type: what was expected instead, if Content-Type is not JSON in UTF-8.
    """

    lines: tuple[tuple[bytes, bytes], ...]
    host: str
    authorizations: tuple[str, ...]
    key: str | InvalidApiKey
    is_from_another_site: bool
    is_webhook: bool
    length: int
    is_encoded: bool
    wrong_type: str | None


class HeaderReader:
    """Reads header lines, and caches the usual ones."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[bytes, bytes], ...], RequestHeaders] = {}

    def read(self, request: web.BaseRequest) -> RequestHeaders:
        """Read the header lines of a request."""
        lines = request.raw_headers
        found = self._known.get(lines)
        if found is None:
            found = read_headers(request)
            if _may_be_cached(lines):
                if len(self._known) >= _KNOWN_AT_MOST:
                    self._known.clear()
                self._known[lines] = found
        return found


def read_headers(request: web.BaseRequest) -> RequestHeaders:
    """Read the header lines of a request, without the cache."""
    headers = request.headers
    authorizations = tuple(headers.getall("Authorization", ()))
    return RequestHeaders(
        lines=request.raw_headers,
        host=headers.get("Host", ""),
        authorizations=authorizations,
        key=_key_of(authorizations),
        is_from_another_site=_is_from_another_site(request),
        is_webhook=_names_sandbox(headers.get("User-Agent", "")),
        length=request.content_length or 0,
        is_encoded=headers.get("Content-Encoding", "identity").lower() != "identity",
        wrong_type=_wrong_type(request),
    )


def _key_of(authorizations: tuple[str, ...]) -> str | InvalidApiKey:
    if len(authorizations) > 1:  # which of them is meant cannot be known
        return InvalidApiKey("Send exactly one Authorization header.")
    try:
        return key_in(authorizations[0] if authorizations else None)
    except InvalidApiKey as error:
        return error.with_traceback(None)  # in the cache, its frames would keep the request alive


def _names_sandbox(agent: str) -> bool:
    """Whether one of the products of a User-Agent is the sandbox (RFC 9110, 10.1.5)."""
    return SANDBOX_AGENT in agent and any(
        product.startswith(SANDBOX_AGENT) for product in agent.split()
    )


def _wrong_type(request: web.BaseRequest) -> str | None:
    if not request.body_exists:
        return None  # there is no body to have a type
    if request.content_type != JSON:
        return f"expected a body with Content-Type: {JSON}."
    if (request.charset or "utf-8").lower() not in _UTF_8:
        return "expected a body in UTF-8."
    return None


def _is_from_another_site(request: web.BaseRequest) -> bool:
    if site := request.headers.get("Sec-Fetch-Site"):
        return site not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    # Not `urlsplit`: an Origin is scheme and host alone, and an invalid one could raise there.
    return origin is not None and origin.partition("://")[2] != request.headers.get("Host")


def _may_be_cached(lines: tuple[tuple[bytes, bytes], ...]) -> bool:
    """Whether lines may be cached: only usual ones, short, and without a card number."""
    if not _USUAL.issuperset([name.lower() for name, _ in lines]):
        return False
    text = b"\n".join([value for _, value in lines]).decode("latin-1")
    return len(text) <= _LONGEST_KNOWN and mask_text(text) == text
