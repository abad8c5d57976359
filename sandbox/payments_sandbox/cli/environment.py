"""Owns the variables that options can come from: `PAYMENTS_SANDBOX_…`, and whose they are."""

import os
import re
from typing import Final

from payments_sandbox.core.wording import nearest

PREFIX: Final = "PAYMENTS_SANDBOX_"

_NEVER_EMPTY: Final = "--control-token"
"""The option that protects: who sets its variable wants it, also where it turns out to be empty."""

_TYPO: Final = 0.75
"""How similar a variable has to be to count as a misspelt option: `PROT` is, `FOO_TEAM` is not."""

_SERVICE_LINK: Final = re.compile(
    PREFIX + r"(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_\w+)?|ENV_\w+)"
)
"""What Kubernetes and Docker put into a container beside a service whose name begins as ours."""

_SERVICE_PORT: Final = re.compile(PREFIX + r"(\w+_)?PORT")
_SERVICE_ADDRESS: Final = re.compile(r"(tcp|udp|sctp)://")
"""How the value of `_SERVICE_PORT` begins where it is the platform's and no port's number."""


def value_of(option: str) -> str | None:
    """The option's value in the environment, unless Kubernetes or Docker has set it.

    An empty variable is how CI and compose leave one out.
    """
    name = variable_of(option)
    given = os.environ.get(name)
    if given is None or _is_of_a_service(name, given):
        return None
    return given if given or option == _NEVER_EMPTY else None


def is_unknown(name: str, known: set[str]) -> bool:
    """Whether a variable looks like ours, and is none that we know, nor one of the platform."""
    if not name.startswith(PREFIX) or name in known:
        return False
    return not _is_of_a_service(name, os.environ[name])


def _is_of_a_service(name: str, value: str) -> bool:
    """Whether the platform has set a variable, as it does for each service beside a container."""
    if _SERVICE_LINK.fullmatch(name):
        return True
    return _SERVICE_PORT.fullmatch(name) is not None and _SERVICE_ADDRESS.match(value) is not None


def meant_variable(name: str, known: set[str]) -> str | None:
    """The variable that a misspelt one was meant for."""
    words = sorted(each.removeprefix(PREFIX) for each in known)
    word = nearest(name.removeprefix(PREFIX), words, _TYPO)
    return None if word is None else PREFIX + word


def variable_of(option: str) -> str:
    """What an option, such as `--rate-limit`, is called in the environment."""
    return PREFIX + option.removeprefix("--").replace("-", "_").upper()
