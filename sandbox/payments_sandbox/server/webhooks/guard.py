"""Owns the sockets of the sender: an address that no webhook may go to is never dialled.

The text of a url is judged when an endpoint is made; what it leads to in the end, by name or by
rebinding, is judged here.
"""

import errno
import ipaddress
import socket
from collections.abc import Callable
from typing import Any

from payments_sandbox.webhooks.target_policy import is_permitted


def guarded(*, public: bool) -> Callable[[Any], socket.socket]:
    """Makes the sockets of the sender; literals, names and rebinding all come through here."""

    def dial(info: Any) -> socket.socket:  # noqa: ANN401 - aiohttp's AddrInfoType is not public
        family, kind, protocol, _, target = info
        if not is_permitted(ipaddress.ip_address(target[0].partition("%")[0]), public=public):
            raise NotPermittedError(target[0])
        return socket.socket(family, kind, protocol)

    return dial


class NotPermittedError(OSError):
    """A webhook was about to go where none may go."""

    def __init__(self, address: str) -> None:
        super().__init__(errno.EACCES, f"{address} is not a permitted webhook target")
