"""Owns a server as its users know it: an address, and a way to worlds and clients."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from payments_sandbox.client.async_client import AsyncSandboxClient
from payments_sandbox.client.client import SandboxClient
from payments_sandbox.client.errors import ControlApiError
from payments_sandbox.client.models import SetRateLimitModel
from payments_sandbox.testing.sandbox import Sandbox

__tracebackhide__ = True


class Server:
    """A server that runs somewhere.

    Attributes:
        url: its address, such as `http://127.0.0.1:8080`.
        token: what its control API wants as `Sandbox-Token`, if anything.
        ca_file: the certificate of whom its clients have to trust, of a server with `tls="auto"`.
        ca_bundle: the same with all that is trusted on this machine.
        tls_faults: the `base_url` of ports with a certificate that nobody should accept, by fault.
    """

    ca_file: Path | None = None
    ca_bundle: Path | None = None
    tls_faults: Mapping[str, str] = MappingProxyType({})

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url
        self.token = token

    @property
    def base_url(self) -> str:
        """Where the emulated API is; it ends in `/v3`."""
        return f"{self.url}/v3"

    @property
    def sandbox_url(self) -> str:
        """Where the control API is."""
        return f"{self.url}/_sandbox"

    def client(self, api_key: str | None = None) -> SandboxClient:
        """A client of the control API, for the world of a key."""
        return SandboxClient(self.url, api_key, token=self.token)

    def async_client(self, api_key: str | None = None) -> AsyncSandboxClient:
        """The same for code that must not block its event loop."""
        return AsyncSandboxClient(self.url, api_key, token=self.token)

    def world(self, api_key: str, *, folders: Sequence[Path] = ()) -> Sandbox:
        """The world of a key, made now if the key is new."""
        with self.client(api_key) as client:
            return Sandbox(self, client.retrieve_world(), folders=folders)

    def new_world(
        self,
        *,
        key: str | None = None,
        name: str | None = None,
        seed: int | None = None,
        clock: str | None = None,
        rate_limit: int | None = None,
        folders: Sequence[Path] = (),
    ) -> Sandbox:
        """A world of its own, until it is closed.

        Args:
            key: its API key, whose earlier world is dropped; else a new one.
            name: what reports call it.
            seed: what its ids and draws come from; else derived from the server's.
            clock: an ISO 8601 instant where its clock stands still, or `live`.
            rate_limit: requests in an hour of its clock.
            folders: where the team's scenarios are.
        """
        limit: SetRateLimitModel | None = None if rate_limit is None else {"limit": rate_limit}
        if key is not None:
            with self.client(key) as owner, suppress(ControlApiError):  # it may have none
                owner.delete_world()
        with self.client() as anybody:
            made = anybody.create_world(
                api_key=key, name=name, seed=seed, clock=clock, rate_limit=limit
            )
        return Sandbox(self, made, folders=folders)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self.url}>"


class MakeSandbox(Protocol):
    """What the fixture `make_sandbox` is: it makes one more world for a test."""

    def __call__(
        self,
        *scenarios: str,
        key: str | None = None,
        seed: int | None = None,
        clock: str | None = None,
        rate_limit: int | None = None,
    ) -> Sandbox:
        """A world of its own, dropped when the test is over."""
