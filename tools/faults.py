"""Owns what is made from the wire faults: their parts of their page."""

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
    """An example as a step of a scenario has it, without `commit`."""
    mapping = yaml.safe_dump(
        dict(example.plain), default_flow_style=True, sort_keys=False, width=_WIDTH
    )
    return f"{fault.name}: {mapping.strip()}"


def faults_table() -> str:
    """A row for each fault, with what its module says of it."""
    rows = ["| fault | what the client meets |", "|---|---|"]
    rows += [f"| [`{each.name}`](#{each.name}) | {_summary(each)} |" for each in FAULTS]
    return "\n".join(rows)


def fault_sections() -> str:
    """A section for each fault."""
    return "\n\n".join(f"### {each.name}\n\n{each.SECTION.strip()}" for each in FAULTS)


def _summary(fault: type[Fault]) -> str:
    """What the first sentence of a fault's module says of it.

    Raises:
        ValueError: the module opens with a sentence of another form.
    """
    text = import_module(fault.__module__).__doc__ or ""
    if (found := re.match(rf"Owns the fault `{fault.name}`: (.+)\.$", text, re.MULTILINE)) is None:
        raise ValueError(f"{fault.__module__}: expected 'Owns the fault `{fault.name}`: ….'")
    return found[1]


def clients_table() -> str:
    """What clients make of each example."""
    return _clients(
        (spelling(fault, each), [str(getattr(each, client)) for client in CLIENTS])
        for fault in FAULTS
        for each in fault.EXAMPLES
    )


def clients_under_tls_table() -> str:
    """The rows that are others under TLS."""
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
    """What a client makes of an example under TLS."""
    return example.under_tls.get(client) or str(getattr(example, client))
