"""Owns what is made from the wire faults: their parts of their page."""

import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Final

import yaml

from payments_sandbox.rules.faults import FAULTS
from payments_sandbox.rules.faults.fault import Example, Fault

PAGE: Final = "docs/wire-faults.md"
CLIENTS: Final = ("requests", "httpx", "aiohttp", "urllib")

_WIDTH: Final = 1_000


def texts(known: Mapping[str, str]) -> dict[str, str]:
    """Make the text of every file that says something of the faults, by its path below the root."""
    parts = {
        "faults": "\n".join(_table()),
        "sections": "\n\n".join(f"### {each.name}\n\n{each.SECTION.strip()}" for each in FAULTS),
        "clients": "\n".join(_clients()),
        "clients under TLS": "\n".join(_clients_under_tls()),
    }
    page = known[PAGE]
    for name, text in parts.items():
        page = _replaced(page, name, text)
    return {PAGE: page}


def spelling(fault: type[Fault], example: Example) -> str:
    """An example as a step of a scenario has it, without `commit`."""
    mapping = yaml.safe_dump(
        dict(example.plain), default_flow_style=True, sort_keys=False, width=_WIDTH
    )
    return f"{fault.name}: {mapping.strip()}"


def _table() -> Iterator[str]:
    yield "| fault | what the client meets |"
    yield "|---|---|"
    for fault in FAULTS:
        yield f"| [`{fault.name}`](#{fault.name}) | {_summary(fault)} |"


def _summary(fault: type[Fault]) -> str:
    """What the first sentence of a fault's module says of it.

    Raises:
        ValueError: the module opens with a sentence of another form.
    """
    text = import_module(fault.__module__).__doc__ or ""
    if (found := re.match(rf"Owns the fault `{fault.name}`: (.+)\.$", text, re.MULTILINE)) is None:
        raise ValueError(f"{fault.__module__}: expected 'Owns the fault `{fault.name}`: ….'")
    return found[1]


def _clients() -> Iterator[str]:
    yield f"| step | {' | '.join(CLIENTS)} |"
    yield f"|---|{'---|' * len(CLIENTS)}"
    for fault in FAULTS:
        for example in fault.EXAMPLES:
            said = " | ".join(str(getattr(example, client)) for client in CLIENTS)
            yield f"| `{spelling(fault, example)}` | {said} |"


def _clients_under_tls() -> Iterator[str]:
    """The rows that are others under TLS."""
    yield f"| step | {' | '.join(CLIENTS)} |"
    yield f"|---|{'---|' * len(CLIENTS)}"
    for fault in FAULTS:
        for example in (each for each in fault.EXAMPLES if each.under_tls):
            said = " | ".join(under_tls(example, client) for client in CLIENTS)
            yield f"| `{spelling(fault, example)}` | {said} |"


def under_tls(example: Example, client: str) -> str:
    """What a client makes of an example under TLS."""
    return example.under_tls.get(client) or str(getattr(example, client))


def _replaced(page: str, name: str, text: str) -> str:
    """The page with another text between the comments that mark what is made."""
    start, end = f"<!-- make generate: {name} -->\n", "\n<!-- end -->"
    before, mark, rest = page.partition(start)
    _, end_mark, after = rest.partition(end)
    if not (mark and end_mark):
        raise ValueError(f"{PAGE}: expected the lines {start.strip()} and {end.strip()}")
    return f"{before}{mark}\n{text}\n{end_mark}{after}"
