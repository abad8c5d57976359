"""Owns the environment that a process finds a server by: the variables, and no proxy before it."""

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from payments_sandbox.core.tls_options import TRUST_VARIABLES

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_NO_PROXY: Final = ("NO_PROXY", "no_proxy")
"""Some clients read the one, and some the other."""


def sandbox_variables(
    *,
    base_url: str,
    api_key: str,
    webhook_secret: str,
    sandbox_url: str,
    token: str | None = None,
    tls_faults: Mapping[str, str] = MappingProxyType({}),
    ca_file: object = None,
    ca_bundle: object = None,
) -> dict[str, str]:
    """The variables that say where a server is, whose world, and whom to trust for it.

    Args:
        base_url: of the emulated API; ends in `/v3`.
        api_key: of the world.
        webhook_secret: what its endpoints sign with unless they have a secret of their own.
        sandbox_url: of the control API; ends in `/_sandbox`.
        token: what the control API wants as `Sandbox-Token`, if anything.
        tls_faults: where certificates are that nobody should accept, by their faults.
        ca_file: the certificate of the server's own authority, if it has one.
        ca_bundle: the same with all that is trusted on this machine.
    """
    return {
        **({} if token is None else {"PAYMENTS_SANDBOX_CONTROL_TOKEN": token}),
        "PAYMENTS_BASE_URL": base_url,
        "PAYMENTS_API_KEY": api_key,
        "PAYMENTS_WEBHOOK_SECRET": webhook_secret,
        "PAYMENTS_SANDBOX_URL": sandbox_url,
        **{
            f"PAYMENTS_TLS_{name.replace('-', '_').upper()}_URL": url
            for name, url in tls_faults.items()
        },
        **({} if ca_file is None else trust_variables(str(ca_file), str(ca_bundle))),
    }


def trust_variables(authority: str, bundle: str) -> dict[str, str]:
    """The variables that let clients trust an authority, beside whom they trust now."""
    # Node adds what it is given to its own; the rest take it for all there is.
    extra = bundle if os.environ.get(TRUST_VARIABLES[-1]) else authority
    return {
        "PAYMENTS_CA_FILE": authority,
        **dict.fromkeys(TRUST_VARIABLES[:-1], bundle),
        TRUST_VARIABLES[-1]: extra,
    }


def without_proxy(base_url: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that let no client ask a proxy for a server, beside whom they name already.

    Args:
        base_url: where the server is; the names of loopback are added in any case.
        environment: what clients would have otherwise.
    """
    named = ",".join(environment.get(name, "") for name in _NO_PROXY)
    hosts = dict.fromkeys(host.strip() for host in named.split(",") if host.strip())
    if "*" in hosts:
        return {}  # nobody is asked; as one of several names some clients would not know it
    hosts |= dict.fromkeys((*_LOOPBACK, urlsplit(base_url).hostname or ""))
    return dict.fromkeys(_NO_PROXY, ",".join(host for host in hosts if host))
