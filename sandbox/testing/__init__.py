"""What tests of any kind need of a sandbox: to run one, to hold a world of it, to control it.

Importing this imports neither aiohttp nor httpx; a server that is started needs the former.
"""

from sandbox.testing.aio.client import AsyncSandboxClient
from sandbox.testing.errors import ControlError, NotArrived, Refused, Unmet, Unreachable
from sandbox.testing.inbox import Inbox
from sandbox.testing.options import Options
from sandbox.testing.running import RunningSandbox, running_sandbox
from sandbox.testing.server import Server
from sandbox.testing.sync.client import SandboxClient
from sandbox.testing.world import Sandbox

__all__ = [
    "AsyncSandboxClient",
    "ControlError",
    "Inbox",
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
