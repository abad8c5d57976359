"""Owns what the server reads of a request's header lines: once, for lines that come again.

Clients send the same lines with nearly every request. What they say is kept by the lines
themselves, and the journal of every world shares one copy of them.
"""

from typing import Final, NamedTuple

from aiohttp import web

from payments_sandbox.api.gateway import key_in
from payments_sandbox.core.errors import InvalidApiKey
from payments_sandbox.core.masking import mask_text

SANDBOX_AGENT: Final = "payments-sandbox/"
"""How the product begins that is in the User-Agent of every webhook."""

JSON: Final = "application/json"

_KNOWN_AT_MOST: Final = 256
_LONGEST_KNOWN: Final = 2_048
"""Bytes of header lines that are kept."""

_USUAL: Final = frozenset({
    b"accept", b"accept-encoding", b"accept-language", b"authorization", b"connection",
    b"content-length", b"content-type", b"host", b"sec-fetch-mode", b"user-agent",
})  # fmt: skip
"""Headers that come with every request; others may carry a secret, or differ each time."""

_UTF_8: Final = frozenset({"utf-8", "utf8"})


class RequestHeaders(NamedTuple):
    """What the header lines of a request say.

    Attributes:
        lines: every line as it came, in order.
        host: the Host; empty where there is none.
        authorizations: the values of every `Authorization` line.
        key: the API key in them, or the error that stands for it.
        is_from_another_site: a browser says that a page of another origin has made the request.
        is_webhook: a sandbox has sent it.
        length: the bytes that the body has, as the request says; 0 where it does not.
        is_encoded: the body is compressed, or encoded in another way.
        wrong_type: what Content-Type should have said, where it is not JSON in UTF-8.
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
    """Reads header lines, and remembers what usual ones say."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[bytes, bytes], ...], RequestHeaders] = {}

    def read(self, request: web.BaseRequest) -> RequestHeaders:
        """Read the header lines of a request."""
        lines = request.raw_headers
        found = self._known.get(lines)
        if found is None:
            found = read_headers(request)
            if _are_usual(lines):
                if len(self._known) >= _KNOWN_AT_MOST:
                    self._known.clear()
                self._known[lines] = found
        return found


def read_headers(request: web.BaseRequest) -> RequestHeaders:
    """Read the header lines of a request, however unusual."""
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
    if len(authorizations) > 1:  # which of them is meant is not ours to guess
        return InvalidApiKey("Send one Authorization header.")
    try:
        return key_in(authorizations[0] if authorizations else None)
    except InvalidApiKey as error:
        return error.with_traceback(None)  # it may be kept, and would keep the request


def _names_sandbox(agent: str) -> bool:
    """Whether ours is one of the products of a User-Agent (RFC 9110, 10.1.5)."""
    return SANDBOX_AGENT in agent and any(
        product.startswith(SANDBOX_AGENT) for product in agent.split()
    )


def _wrong_type(request: web.BaseRequest) -> str | None:
    if not request.body_exists:
        return None  # what is not there is of no type
    if request.content_type != JSON:
        return f"expected a body with Content-Type: {JSON}."
    if (request.charset or "utf-8").lower() not in _UTF_8:
        return "expected a body in UTF-8."
    return None


def _is_from_another_site(request: web.BaseRequest) -> bool:
    if site := request.headers.get("Sec-Fetch-Site"):
        return site not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    # Not `urlsplit`: an Origin is scheme and host, and what is neither may be no URL at all.
    return origin is not None and origin.partition("://")[2] != request.headers.get("Host")


def _are_usual(lines: tuple[tuple[bytes, bytes], ...]) -> bool:
    """Whether lines may be kept: few, short, and without a card number."""
    if not _USUAL.issuperset([name.lower() for name, _ in lines]):
        return False
    text = b"\n".join([value for _, value in lines]).decode("latin-1")
    return len(text) <= _LONGEST_KNOWN and mask_text(text) == text
