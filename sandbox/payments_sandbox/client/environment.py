"""Owns the environment variables by which a process finds, trusts and directly reaches a server."""

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from payments_sandbox.core.tls_options import TRUST_VARIABLES

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_NO_PROXY: Final = ("NO_PROXY", "no_proxy")
"""Some clients read one of the two, some the other."""


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
    """Return the variables that name a server and a world of it, and make clients trust it.

    Args:
        base_url: the URL of the emulated API; ends in `/v3`.
        api_key: the key of the world.
        webhook_secret: the secret that the world's endpoints sign with by default.
        sandbox_url: the URL of the control API; ends in `/_sandbox`.
        token: the `Sandbox-Token` that the control API requires, if any.
        tls_faults: the URLs with certificates that no client should accept, by fault.
        ca_file: the certificate of the server's own authority, if it has one.
        ca_bundle: a file with that certificate and all that this machine trusts.
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
    """Return the variables that make clients trust one more authority."""
    # Node adds the file to its own authorities; other clients trust nothing but the file.
    extra = bundle if os.environ.get(TRUST_VARIABLES[-1]) else authority
    return {
        "PAYMENTS_CA_FILE": authority,
        **dict.fromkeys(TRUST_VARIABLES[:-1], bundle),
        TRUST_VARIABLES[-1]: extra,
    }


def without_proxy(base_url: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that make clients call a server directly, and not through a proxy.

    Args:
        base_url: the URL of the server; the names of loopback are added in any case.
        environment: the present environment, whose `NO_PROXY` names are kept.
    """
    named = ",".join(environment.get(name, "") for name in _NO_PROXY)
    hosts = dict.fromkeys(host.strip() for host in named.split(",") if host.strip())
    if "*" in hosts:
        return {}  # no proxy is used at all; in a longer list, some clients would not accept `*`
    hosts |= dict.fromkeys((*_LOOPBACK, urlsplit(base_url).hostname or ""))
    return dict.fromkeys(_NO_PROXY, ",".join(host for host in hosts if host))
