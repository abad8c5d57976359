"""Owns which receivers of webhooks cannot answer while a thread waits: those that it runs itself.

To move a clock is to wait for webhooks to be answered. Who moves it in the event loop of a
receiver, or in the handler of one, waits for himself until the webhook times out. The server is
told the ports of such receivers, and refuses to wait for them.
"""

import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from payments_sandbox.client.messages import CONTROL_PATH, HttpRequest

if TYPE_CHECKING:
    from socket import socket

HEADER: Final = "Sandbox-Blocked-Ports"
_WAITS: Final = (f"{CONTROL_PATH}/clock/advance", f"{CONTROL_PATH}/clock/freeze")


def blocked_ports(request: HttpRequest) -> dict[str, str]:
    """The header line that says so, for requests that wait for webhooks."""
    if request.target not in _WAITS:
        return {}
    ports: set[int] = set()
    with suppress(Exception):  # whatever a test has put in the place of sockets
        ports = {*_ports_of_loop(), *_ports_of_stack()}
    return {HEADER: ",".join(map(str, sorted(ports - {0})))} if ports - {0} else {}


def _ports_of_loop() -> Iterator[int]:
    """The ports of sockets that this thread's event loop reads from, if one runs: it is blocked."""
    from socket import socket

    asyncio: Any = sys.modules.get("asyncio")
    running = getattr(asyncio, "_get_running_loop", lambda: None)  # its public twin raises
    loop = running()
    selector = getattr(loop, "_selector", None)  # uvloop has none, and tells nobody
    for key in () if selector is None else list(selector.get_map().values()):
        with suppress(OSError):  # it may be a pipe
            found = socket(fileno=key.fd)
            port = _port(found)
            found.detach()  # it is the loop's, not ours to close
            yield port


def _ports_of_stack() -> Iterator[int]:
    """The ports of sockets that whoever called holds, such as the server whose handler this is."""
    from socket import socket

    frame = sys._getframe()  # noqa: SLF001 - there is no other way
    while frame is not None:
        yield from (
            _port(each) for each in list(frame.f_locals.values()) if isinstance(each, socket)
        )
        frame = frame.f_back  # type: ignore[assignment]


def _port(opened: "socket") -> int:
    """Its own port; 0 where it has none."""
    with suppress(OSError, IndexError, TypeError, ValueError):
        return int(opened.getsockname()[1])
    return 0
