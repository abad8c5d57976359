"""The public API for tests: run a sandbox, use its worlds, and control it.

Importing this package imports neither aiohttp nor httpx. Starting a server imports aiohttp, and
using `SandboxTransport` or `AsyncSandboxTransport` imports httpx.
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

if find_spec("httpx") is None:  # so that `import *` works without it
    __all__.remove("AsyncSandboxTransport")  # noqa: PYI056 - mypy supports it
    __all__.remove("SandboxTransport")  # noqa: PYI056

_RENAMED: Final = {
    "NotArrived": WebhookNotReceived,
    "Refused": ControlApiError,
    "Unmet": ExpectationFailed,
}
"""Exceptions under their names before 0.2; to be removed in the release after 0.2."""


def __getattr__(name: str) -> object:
    """Import the transports on first use, and resolve old names."""
    if name in _RENAMED:
        new = _RENAMED[name]
        warnings.warn(f"{name} is now {new.__name__}", DeprecationWarning, stacklevel=2)
        return new
    if name not in ("AsyncSandboxTransport", "SandboxTransport"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from payments_sandbox.testing import httpx_transport as transport
    except ModuleNotFoundError as error:
        raise ImportError(f"{name} requires httpx, which is not installed") from error
    return getattr(transport, name)
