"""Owns the environment that a process finds a server by: the variables, and no proxy before it."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from payments_sandbox.core.tls_options import TRUST_VARIABLES

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_NO_PROXY: Final = ("NO_PROXY", "no_proxy")
"""Some clients read the one, and some the other."""


def trust_variables(authority: str, bundle: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that let clients trust a server's own authority, beside whom they trust now.

    Args:
        authority: the file of its certificate.
        bundle: a file of that, and of all that is trusted now.
        environment: what clients would have otherwise.
    """
    # Node adds what it is given to its own; the rest take it for all there is.
    extra = bundle if environment.get(TRUST_VARIABLES[-1]) else authority
    return {
        "PAYMENTS_CA_FILE": authority,
        **dict.fromkeys(TRUST_VARIABLES[:-1], bundle),
        TRUST_VARIABLES[-1]: extra,
    }


def fault_variables(faults: Mapping[str, str]) -> dict[str, str]:
    """The variables that say where certificates are that nobody should accept, by their faults."""
    return {
        f"PAYMENTS_TLS_{name.replace('-', '_').upper()}_URL": url for name, url in faults.items()
    }


def sandbox_variables(
    *, base_url: str, api_key: str, webhook_secret: str, sandbox_url: str, token: str | None = None
) -> dict[str, str]:
    """The variables that say where a server is, and whose world.

    Args:
        base_url: of the emulated API; ends in `/v3`.
        api_key: of the world.
        webhook_secret: what its endpoints sign with unless they have a secret of their own.
        sandbox_url: of the control API; ends in `/_sandbox`.
        token: what the control API wants as `Sandbox-Token`, if anything.
    """
    given = {} if token is None else {"PAYMENTS_SANDBOX_CONTROL_TOKEN": token}
    return {
        **given,
        "PAYMENTS_BASE_URL": base_url,
        "PAYMENTS_API_KEY": api_key,
        "PAYMENTS_WEBHOOK_SECRET": webhook_secret,
        "PAYMENTS_SANDBOX_URL": sandbox_url,
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
