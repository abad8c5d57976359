"""Owns the origin guard: which Host names are accepted, and which pages of other origins may call.

Listening on localhost alone does not protect a server, since any web page can send requests there.
So the guard rejects a Host that a hostile page could own (DNS rebinding), and a write that a
browser marks as coming from another site. Cross-origin access is off by default; origins that are
allowed by their exact name may call `/v3` and nothing else.
"""

import ipaddress
import re
from collections.abc import MutableMapping
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from payments_sandbox.server.response import SERVER

DOCUMENTED_HOST: Final = "api.payments.example.com"
_LOCAL_ENDINGS: Final = (".localhost", ".internal", ".svc", ".svc.cluster.local")
"""Endings that nobody can register: this machine, private networks, Kubernetes services.

`.test` cannot be registered either, but it is left out: tests of such guards often use it for a
foreign host.
"""

_LOCAL_NAMES: Final = frozenset({"localhost", "host.docker.internal", DOCUMENTED_HOST})
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_HOST: Final = re.compile(r"(?:[\w.-]+|\[[\w.:%-]+\])(?::[0-9]*)?", re.ASCII)
"""A name or an address, with an optional port: no user, no path, only bytes that fit in JSON."""

_EXPOSED_HEADERS: Final = (
    "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset,"
    " Sandbox-Rule, Sandbox-Step, Sandbox-Request-Id"
)
_DEFAULT_ALLOWED_HEADERS: Final = "Authorization, Content-Type"
_HEADER_NAMES: Final = re.compile(r"[\w!#$%&'*+.^`|~-]+(?: *, *[\w!#$%&'*+.^`|~-]+)*", re.ASCII)
"""A comma-separated list of header names."""


def is_our_host(host: str, allowed: frozenset[str] = frozenset()) -> bool:
    """Whether a Host is a literal address, a local name, a single label, or an allowed name.

    In `allowed`, a pattern such as `*.shop.test` stands for every name below `shop.test`.
    """
    if not _HOST.fullmatch(host):
        return False
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return False
    try:
        address = ipaddress.ip_address(name)
        return not (getattr(address, "ipv4_mapped", None) or address).is_unspecified
    except ValueError:
        is_local = name in _LOCAL_NAMES or name.endswith(_LOCAL_ENDINGS)
        is_label = name != "" and not name.isdigit() and "." not in name and ":" not in name
        return is_local or is_label or _is_allowed(name, allowed)


def _is_allowed(name: str, allowed: frozenset[str]) -> bool:
    return name in allowed or any(
        name.endswith(each[1:]) for each in allowed if each.startswith("*.")
    )


def is_guarded(request: web.BaseRequest) -> bool:
    """Whether only allowed pages of other origins may send a request: a write, or a preflight."""
    return request.method not in _SAFE_METHODS or is_preflight(request)


class HostPolicy:
    """Decides which Host headers are allowed; caches some, as clients send the same one again."""

    def __init__(self, allowed: frozenset[str]) -> None:
        self._allowed = frozenset(name.lower().rstrip(".") for name in allowed)
        self._known: set[str] = set()

    def allows(self, request: web.BaseRequest, host: str) -> bool:
        """Whether the Host header is allowed, and also the host of an absolute request target."""
        if request.raw_path.startswith("/"):
            return host in self._known or self._allows(host)
        # Unlike `url.host`, this keeps the brackets of an IPv6 address.
        return self._allows(host) and self._allows(request.url.host_port_subcomponent or "")

    def _allows(self, host: str) -> bool:
        if not is_our_host(host, self._allowed):
            return False
        if len(self._known) < 64:  # noqa: PLR2004 - enough for any honest client
            self._known.add(host)
        return True


# Pages of other origins


def is_origin_permitted(request: web.BaseRequest, origins: frozenset[str]) -> bool:
    """Whether the request's `Origin` is one of the allowed origins."""
    return bool(origins) and request.headers.get("Origin") in origins


def is_preflight(request: web.BaseRequest) -> bool:
    """Whether the request is a CORS preflight."""
    return request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers


def answer_preflight(request: web.BaseRequest, allow: str | None) -> web.Response:
    """Answer the preflight of an allowed page: it may send any headers and any method.

    A method that the API does not have is permitted, too: then the call reaches the server, and its
    405 shows up in the journal. Otherwise the browser would block it without a trace.
    """
    method = request.headers.get("Access-Control-Request-Method", "")
    methods = (allow or "GET,POST").split(",")
    if method not in methods and _HEADER_NAMES.fullmatch(method) and "," not in method:
        methods.append(method)
    wanted = request.headers.get("Access-Control-Request-Headers", "")
    return web.Response(
        status=204,
        headers={
            "Access-Control-Allow-Methods": ",".join(methods),
            "Access-Control-Allow-Headers": wanted
            if _HEADER_NAMES.fullmatch(wanted)
            else _DEFAULT_ALLOWED_HEADERS,
            "Access-Control-Max-Age": "600",
            **SERVER,
        },
    )


def name_origin(
    request: web.BaseRequest, headers: MutableMapping[str, str], *, is_permitted: bool
) -> None:
    """Add the CORS headers that let the page read the answer, and caches tell origins apart."""
    headers["Vary"] = "Origin"
    if is_permitted:
        headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
        headers["Access-Control-Expose-Headers"] = _EXPOSED_HEADERS
