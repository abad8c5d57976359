"""What tests of any kind need of a sandbox: to run one, to hold a world of it, to control it.

Importing this imports neither aiohttp nor httpx: a server that is started needs the former, and
`SandboxTransport` and `AsyncSandboxTransport`, which are here as well, the latter.
"""

from typing import TYPE_CHECKING

from payments_sandbox.client.aio.client import AsyncSandboxClient
from payments_sandbox.client.errors import ControlError, NotArrived, Refused, Unmet, Unreachable
from payments_sandbox.client.sync.client import SandboxClient
from payments_sandbox.testing.inbox import Inbox
from payments_sandbox.testing.memory.server import MemorySandbox
from payments_sandbox.testing.options import Options
from payments_sandbox.testing.running_server import RunningSandbox, running_sandbox
from payments_sandbox.testing.sandbox import Sandbox
from payments_sandbox.testing.server import MakeSandbox, Server

if TYPE_CHECKING:
    from payments_sandbox.testing.httpx_transport import (
        AsyncSandboxTransport as AsyncSandboxTransport,
    )
    from payments_sandbox.testing.httpx_transport import SandboxTransport as SandboxTransport

__all__ = [
    "AsyncSandboxClient",
    "ControlError",
    "Inbox",
    "MakeSandbox",
    "MemorySandbox",
    "NotArrived",
    "Options",
    "Refused",
    "RunningSandbox",
    "Sandbox",
    "SandboxClient",
    "Server",
    "Unmet",
    "Unreachable",
    "running_sandbox",
]


def __getattr__(name: str) -> object:
    """The transports, once they are asked for: they are for those who have httpx."""
    if name not in ("AsyncSandboxTransport", "SandboxTransport"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from payments_sandbox.testing import httpx_transport as transport
    except ModuleNotFoundError as error:
        raise ImportError(f"{name} is for httpx, which is not installed here") from error
    return getattr(transport, name)
