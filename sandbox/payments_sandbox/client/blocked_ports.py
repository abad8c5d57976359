"""Owns which receivers of webhooks cannot answer while a thread waits: those that it runs itself.

To move a clock is to wait for webhooks to be answered. Who moves it in the event loop of a
receiver, or in the handler of one, waits for himself until the webhook times out. The server is
told the ports of such receivers, and refuses to wait for them. A handler in a thread pool that has
nothing of its request on its stack is not known here: the attempt itself says it when it times out.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from payments_sandbox.client.messages import CONTROL_PATH, HttpRequest

if TYPE_CHECKING:
    from socket import socket

HEADER: Final = "Sandbox-Blocked-Ports"
_WAITS: Final = (f"{CONTROL_PATH}/clock/advance", f"{CONTROL_PATH}/clock/freeze")


def blocked_ports(request: HttpRequest, *, is_awaited: bool = False) -> dict[str, str]:
    """The header line that says so, for requests that wait for webhooks.

    Args:
        request: what is about to be sent.
        is_awaited: whether the event loop goes on meanwhile, and only the caller waits.
    """
    if request.target not in _WAITS:
        return {}
    ports: set[int] = set()
    with suppress(Exception):  # whatever a test has put in the place of sockets
        ports = set(_ports_of_stack())
        if not is_awaited:
            ports |= {*_ports_of_loop(), *_ports_of_sockets()}
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


def _ports_of_sockets() -> Iterator[int]:
    """The ports of sockets that whoever called holds, such as the server whose handler this is."""
    from socket import socket

    return (_port(each) for each in _callers_values() if isinstance(each, socket))


def _ports_of_stack() -> Iterator[int]:
    """The ports of servers in whose handlers the call is made, be they awaited or in a pool."""
    asyncio: Any = sys.modules.get("asyncio")
    protocol = getattr(asyncio, "BaseProtocol", ())
    for value in _callers_values():
        with suppress(Exception):  # whatever a caller holds
            if isinstance(value, protocol):
                yield int(value.transport.get_extra_info("sockname")[1])
            elif isinstance(value, Mapping) and "asgi" in value:  # an ASGI scope
                yield int(value["server"][1])
            elif isinstance(value, Mapping) and "wsgi.version" in value:  # a WSGI environment
                yield int(value["SERVER_PORT"])


def _callers_values() -> Iterator[Any]:
    """The local values of whoever has called, and of whoever awaits that."""
    frame = sys._getframe()  # noqa: SLF001 - there is no other way
    while frame is not None:
        yield from list(frame.f_locals.values())
        frame = frame.f_back  # type: ignore[assignment]


def _port(opened: "socket") -> int:
    """Its own port; 0 where it has none."""
    with suppress(OSError, IndexError, TypeError, ValueError):
        return int(opened.getsockname()[1])
    return 0
