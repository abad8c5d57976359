"""What tests of any kind need of a sandbox: to run one, to hold a world of it, to control it.

Importing this imports neither aiohttp nor httpx: a server that is started needs the former, and
`SandboxTransport` and `AsyncSandboxTransport`, which are here as well, the latter.
"""

import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from payments_sandbox.client.async_client import AsyncSandboxClient
from payments_sandbox.client.client import SandboxClient
from payments_sandbox.client.errors import (
    ControlApiError,
    ControlError,
    ExpectationFailed,
    Unreachable,
    WebhookNotReceived,
)
from payments_sandbox.testing.inbox import Inbox
from payments_sandbox.testing.memory_sandbox import MemorySandbox
from payments_sandbox.testing.options import Options
from payments_sandbox.testing.running_server import RunningSandbox, running_sandbox
from payments_sandbox.testing.sandbox import MakeSandbox, Sandbox, Server

if TYPE_CHECKING:
    from payments_sandbox.testing.httpx_transport import (
        AsyncSandboxTransport as AsyncSandboxTransport,
    )
    from payments_sandbox.testing.httpx_transport import SandboxTransport as SandboxTransport

__all__ = [
    "AsyncSandboxClient",
    "AsyncSandboxTransport",
    "ControlApiError",
    "ControlError",
    "ExpectationFailed",
    "Inbox",
    "MakeSandbox",
    "MemorySandbox",
    "Options",
    "RunningSandbox",
    "Sandbox",
    "SandboxClient",
    "SandboxTransport",
    "Server",
    "Unreachable",
    "WebhookNotReceived",
    "running_sandbox",
]

if find_spec("httpx") is None:  # `import *` is not to fail for want of it
    __all__.remove("AsyncSandboxTransport")  # noqa: PYI056 - mypy supports it
    __all__.remove("SandboxTransport")  # noqa: PYI056

_RENAMED: Final = {
    "NotArrived": WebhookNotReceived,
    "Refused": ControlApiError,
    "Unmet": ExpectationFailed,
}
"""Exceptions by the names that they had until 0.2; they go with the release after it."""


def __getattr__(name: str) -> object:
    """Import the transports on first use, and find what has been renamed."""
    if name in _RENAMED:
        new = _RENAMED[name]
        warnings.warn(f"{name} is now {new.__name__}", DeprecationWarning, stacklevel=2)
        return new
    if name not in ("AsyncSandboxTransport", "SandboxTransport"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from payments_sandbox.testing import httpx_transport as transport
    except ModuleNotFoundError as error:
        raise ImportError(f"{name} is for httpx, which is not installed here") from error
    return getattr(transport, name)
