"""Owns the files of the developer dashboard, a page that uses nothing but the control API.

It is imported with the first request for the page, so that other servers start without it.
"""

from hashlib import sha256
from mimetypes import guess_type
from typing import Final, NamedTuple

from aiohttp import web

from payments_sandbox.contract.control_routes import CONTROL_PATH
from payments_sandbox.core.resources import data_files
from payments_sandbox.server.response import SERVER

PAGE: Final = f"{CONTROL_PATH}/"
_FOLDER: Final = f"{CONTROL_PATH}/dashboard/"

_HEADERS: Final = {
    **SERVER,
    "Cache-Control": "no-cache",  # revalidated each time, usually with a 304
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
        " require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class _File(NamedTuple):
    """A file of the page, ready to send."""

    content: bytes
    type: str
    tag: str


class Dashboard:
    """Serves the page and its files, all of which are read on construction."""

    def __init__(self) -> None:
        self._files = {
            PAGE if name == "index.html" else f"{_FOLDER}{name}": _as_sent(name, text)
            for name, text in data_files("dashboard").items()
        }

    def answer(self, request: web.BaseRequest, path: str) -> web.Response | None:
        """Answer GET or HEAD with a file of the page, or redirect a browser to the page.

        Returns:
            None if the path is not one of the page's.
        """
        if path in ("/", CONTROL_PATH):
            if "text/html" not in request.headers.get("Accept", ""):
                return None  # only browsers are redirected; API clients get their usual error
            return web.Response(status=302, headers={**SERVER, "Location": PAGE})
        if (found := self._files.get(path)) is None:
            return None
        headers = {**_HEADERS, "ETag": found.tag, "Content-Type": found.type}
        if request.headers.get("If-None-Match") == found.tag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=found.content, headers=headers)


def _as_sent(name: str, text: str) -> _File:
    content = text.encode()
    kind = "text/javascript" if name.endswith(".js") else guess_type(name)[0] or "text/plain"
    encoding = "" if kind.startswith("image/") else "; charset=utf-8"
    return _File(content, kind + encoding, f'"{sha256(content).hexdigest()[:16]}"')
