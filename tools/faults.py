"""Owns what is generated from the wire faults: parts of their documentation page."""

import re
from collections.abc import Iterable
from importlib import import_module
from typing import Final

import yaml

from payments_sandbox.rules.faults import FAULTS
from payments_sandbox.rules.faults.fault import Example, Fault

CLIENTS: Final = ("requests", "httpx", "aiohttp", "urllib")

_WIDTH: Final = 1_000


def spelling(fault: type[Fault], example: Example) -> str:
    """An example in the form of a scenario's step, without `commit`."""
    mapping = yaml.safe_dump(
        dict(example.plain), default_flow_style=True, sort_keys=False, width=_WIDTH
    )
    return f"{fault.name}: {mapping.strip()}"


def faults_table() -> str:
    """A table of the faults, with the summary of each."""
    rows = ["| fault | what the client meets |", "|---|---|"]
    rows += [f"| [`{each.name}`](#{each.name}) | {_summary(each)} |" for each in FAULTS]
    return "\n".join(rows)


def fault_sections() -> str:
    """A section for each fault."""
    return "\n\n".join(f"### {each.name}\n\n{each.SECTION.strip()}" for each in FAULTS)


def _summary(fault: type[Fault]) -> str:
    """The summary of a fault, from the first sentence of its module.

    Raises:
        ValueError: the module begins with a sentence of another form.
    """
    text = import_module(fault.__module__).__doc__ or ""
    if (found := re.match(rf"Owns the fault `{fault.name}`: (.+)\.$", text, re.MULTILINE)) is None:
        raise ValueError(f"{fault.__module__}: expected 'Owns the fault `{fault.name}`: ….'")
    return found[1]


def clients_table() -> str:
    """A table of how clients react to each example."""
    return _clients(
        (spelling(fault, each), [str(getattr(each, client)) for client in CLIENTS])
        for fault in FAULTS
        for each in fault.EXAMPLES
    )


def clients_under_tls_table() -> str:
    """The rows of that table which differ under TLS."""
    return _clients(
        (spelling(fault, each), [under_tls(each, client) for client in CLIENTS])
        for fault in FAULTS
        for each in fault.EXAMPLES
        if each.under_tls
    )


def _clients(rows: Iterable[tuple[str, list[str]]]) -> str:
    head = [f"| step | {' | '.join(CLIENTS)} |", f"|---|{'---|' * len(CLIENTS)}"]
    return "\n".join([*head, *(f"| `{step}` | {' | '.join(said)} |" for step, said in rows)])


def under_tls(example: Example, client: str) -> str:
    """How a client reacts to an example under TLS."""
    return example.under_tls.get(client) or str(getattr(example, client))
