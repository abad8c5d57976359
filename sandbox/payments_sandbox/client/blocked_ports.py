"""Owns the detection of webhook receivers that a blocking call keeps from answering.

Moving a clock waits until webhooks are answered, and verifying may do so. If the call is made in
the event loop of a receiver, or in one of its handlers, it waits for itself until it times out. So
the client sends the server the ports of such receivers, and the server refuses to wait for them.

A handler in a thread pool, such as a plain `def` of FastAPI, may have nothing of its request on its
stack. Then the task that waits for the thread is searched: it is found by the future that the
thread is going to complete.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from payments_sandbox.client.messages import CONTROL_PATH, HttpRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from socket import socket
    from types import FrameType

HEADER: Final = "Sandbox-Blocked-Ports"
_WAITS: Final = frozenset(
    f"{CONTROL_PATH}/{each}" for each in ("clock/advance", "clock/freeze", "verify")
)

_LOOKS: Final = 50
_A_MOMENT: Final = 0.001
"""Seconds between two searches for the task that waits for a thread."""


def blocked_ports(request: HttpRequest, *, is_awaited: bool = False) -> dict[str, str]:
    """Return the header with the blocked ports, for a request that waits for webhooks.

    Args:
        request: the request that is about to be sent.
        is_awaited: whether the caller awaits the response, so that its event loop is not blocked.
    """
    if request.target not in _WAITS:
        return {}
    ports: set[int] = set()
    with suppress(Exception):  # a test may have replaced sockets by anything
        values = _callers_values()
        ports.update(_ports_of_handlers([*values, *_values_of_waiting_tasks(values)]))
        if not is_awaited:
            ports.update(_ports_of_loop())
            ports.update(_ports_of_sockets(values))
    return {HEADER: ",".join(map(str, sorted(ports - {0})))} if ports - {0} else {}


def _ports_of_loop() -> Iterator[int]:
    """Yield the ports of the sockets that this thread's event loop watches, since it is blocked."""
    from socket import socket

    selector = getattr(_running_loop(), "_selector", None)  # uvloop has none: nothing is found
    for key in () if selector is None else list(selector.get_map().values()):
        with suppress(OSError):  # it may be a pipe
            found = socket(fileno=key.fd)
            port = _port(found)
            found.detach()  # the descriptor belongs to the loop, and must not be closed here
            yield port


def _running_loop() -> object:
    asyncio: Any = sys.modules.get("asyncio")
    running = getattr(asyncio, "_get_running_loop", lambda: None)  # the public one may raise
    return running()


def _ports_of_sockets(values: Sequence[Any]) -> Iterator[int]:
    """Yield the ports of sockets in callers' variables, such as that of a handler's server."""
    from socket import socket

    return map(_port, _of_kinds(values, socket))


def _ports_of_handlers(values: Sequence[Any]) -> Iterator[int]:
    """Yield the ports of servers in whose handlers the call is made, in the loop or in a pool."""
    asyncio: Any = sys.modules.get("asyncio")
    protocol = getattr(asyncio, "BaseProtocol", ())
    for value in _of_kinds(values, (protocol, Mapping)):
        with suppress(Exception):  # a caller's value may be anything
            if isinstance(value, protocol):
                yield int(value.transport.get_extra_info("sockname")[1])
            elif "asgi" in value:  # an ASGI scope
                yield int(value["server"][1])
            elif "wsgi.version" in value:  # a WSGI environment
                yield int(value["SERVER_PORT"])


def _of_kinds(values: Sequence[Any], kinds: Any) -> Iterator[Any]:  # noqa: ANN401 - of `issubclass`
    """Yield the values of some types; a test runner's stack has hundreds of values, of few types.

    A value itself is not asked for its class, since a proxy may raise.
    """
    found = {kind for kind in set(map(type, values)) if issubclass(kind, kinds)}
    return (each for each in values if type(each) in found)


def _callers_values() -> list[Any]:
    """Return the values of local variables of all callers up the stack."""
    values: list[Any] = []
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - there is no other way
    while frame is not None:
        values += frame.f_locals.values()
        frame = frame.f_back
    return values


def _values_of_waiting_tasks(values: Sequence[Any]) -> Iterator[Any]:
    """Yield the values of local variables of the tasks that wait for this thread of a pool.

    Args:
        values: those of the thread's own stack.
    """
    from threading import Event, current_thread, main_thread

    asyncio: Any = sys.modules.get("asyncio")
    is_of_pool = current_thread() is not main_thread() and _running_loop() is None
    if asyncio is None or not is_of_pool:
        return
    futures = [*_futures_in(values, asyncio.isfuture)]
    tasks: list[Any] = []
    for _ in range(_LOOKS if futures else 0):
        tasks = [task for each in futures for task in _tasks_that_wait(each, asyncio)]
        if tasks:
            break
        Event().wait(_A_MOMENT)  # the thread may have started before the task began to wait
    for task in tasks:
        yield from _values_of(task.get_coro())


def _futures_in(values: Iterable[Any], is_future: "Callable[[object], bool]") -> Iterator[Any]:
    """Yield the futures of a pool thread's work: those of anyio, or of an executor's work item."""
    for value in values:
        if is_future(value):
            yield value
        elif hasattr(future := getattr(value, "future", None), "_done_callbacks"):
            yield future


def _tasks_that_wait(future: Any, asyncio: Any) -> Iterator[Any]:  # noqa: ANN401 - of asyncio or of an executor
    """Yield the tasks that wait for a future, as found in its callbacks: nothing else has them."""
    for callback, *_ in list(getattr(future, "_callbacks", None) or ()):
        if isinstance(task := getattr(callback, "__self__", None), asyncio.Task):
            yield task
    for callback in list(getattr(future, "_done_callbacks", ())):
        for cell in getattr(callback, "__closure__", None) or ():
            if asyncio.isfuture(cell.cell_contents):  # the loop's, which wraps the executor's
                yield from _tasks_that_wait(cell.cell_contents, asyncio)


def _values_of(coroutine: Any) -> Iterator[Any]:  # noqa: ANN401 - the last one may be any awaitable
    """Yield the values of local variables of a coroutine, and of all that it awaits in turn."""
    while (frame := getattr(coroutine, "cr_frame", None)) is not None:
        yield from list(frame.f_locals.values())
        coroutine = coroutine.cr_await


def _port(opened: "socket") -> int:
    """Return the local port of a socket; 0 if it has none."""
    with suppress(OSError, IndexError, TypeError, ValueError):
        return int(opened.getsockname()[1])
    return 0
