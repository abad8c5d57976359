"""What tests of any kind need of a sandbox: to run one, to hold a world of it, to control it.

Importing this imports neither aiohttp nor httpx: a server that is started needs the former, and
`SandboxTransport` and `AsyncSandboxTransport`, which are here as well, the latter.
"""

from typing import TYPE_CHECKING

from sandbox.testing.aio.client import AsyncSandboxClient
from sandbox.testing.errors import ControlError, NotArrived, Refused, Unmet, Unreachable
from sandbox.testing.inbox import Inbox
from sandbox.testing.memory.server import MemorySandbox
from sandbox.testing.options import Options
from sandbox.testing.running import RunningSandbox, running_sandbox
from sandbox.testing.server import MakeSandbox, Server
from sandbox.testing.sync.client import SandboxClient
from sandbox.testing.world import Sandbox

if TYPE_CHECKING:
    from sandbox.testing.transport import AsyncSandboxTransport as AsyncSandboxTransport
    from sandbox.testing.transport import SandboxTransport as SandboxTransport

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
        from sandbox.testing import transport
    except ModuleNotFoundError as error:
        raise ImportError(f"{name} is for httpx, which is not installed here") from error
    return getattr(transport, name)
