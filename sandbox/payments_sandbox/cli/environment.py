"""Owns the variables that options can come from, `PAYMENTS_SANDBOX_…`: which of them are ours."""

import os
import re
from typing import Final

from payments_sandbox.core.wording import nearest

PREFIX: Final = "PAYMENTS_SANDBOX_"

_NEVER_EMPTY: Final = "--control-token"
"""This option protects the server: if its variable is set but empty, that must not go unnoticed."""

_TYPO: Final = 0.75
"""How similar a variable must be to count as a misspelt option: `PROT` is, `FOO_TEAM` is not."""

_SERVICE_LINK: Final = re.compile(
    PREFIX + r"(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_\w+)?|ENV_\w+)"
)
"""Variables that Kubernetes and Docker set for a service whose name begins like ours."""

_SERVICE_PORT: Final = re.compile(PREFIX + r"(\w+_)?PORT")
_SERVICE_ADDRESS: Final = re.compile(r"(tcp|udp|sctp)://")
"""How a value of `_SERVICE_PORT` begins if the platform set it; otherwise it is a port number."""


def value_of(option: str) -> str | None:
    """The option's value in the environment, unless Kubernetes or Docker set it.

    An empty variable counts as unset: CI and compose leave variables out like that.
    """
    name = variable_of(option)
    value = os.environ.get(name)
    if value is None or _is_service_variable(name, value):
        return None
    return value if value or option == _NEVER_EMPTY else None


def is_unknown(name: str, known: set[str]) -> bool:
    """Whether a variable has our prefix, but is neither a known one nor the platform's."""
    if not name.startswith(PREFIX) or name in known:
        return False
    return not _is_service_variable(name, os.environ[name])


def _is_service_variable(name: str, value: str) -> bool:
    """Whether the platform set a variable, as it does for each service next to a container."""
    if _SERVICE_LINK.fullmatch(name):
        return True
    return _SERVICE_PORT.fullmatch(name) is not None and _SERVICE_ADDRESS.match(value) is not None


def meant_variable(name: str, known: set[str]) -> str | None:
    """The known variable that a misspelt one most likely means."""
    words = sorted(each.removeprefix(PREFIX) for each in known)
    word = nearest(name.removeprefix(PREFIX), words, _TYPO)
    return None if word is None else PREFIX + word


def variable_of(option: str) -> str:
    """The name of an option, such as `--rate-limit`, in the environment."""
    return PREFIX + option.removeprefix("--").replace("-", "_").upper()
