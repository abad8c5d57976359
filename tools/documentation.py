"""Owns the generated tables of the documentation, each between two comments of a page."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from payments_sandbox.contract.control_routes import CONTROL_ROUTES
from payments_sandbox.contract.schema_files import schema_files
from payments_sandbox.rules.actions import ACTIONS
from payments_sandbox.rules.outcomes import OUTCOMES
from payments_sandbox.verification.report_text import flow
from tools import faults, verification_families
from tools.client_parameters import parameters_of
from tools.client_types import TypeWriter


def pages(known: Mapping[str, str]) -> dict[str, str]:
    """Make the text of each page that has a generated table, by its path below the root."""
    made: dict[str, str] = {}
    for page, mark, table in TABLES:
        text = made.get(page) or known[page]
        made[page] = replaced(text, mark, table())
    return made


def replaced(text: str, mark: str, table: str) -> str:
    """Replace the text between the two comments of a mark.

    Raises:
        ValueError: the page does not have these comments exactly once.
    """
    begin, end = f"<!-- generated: {mark} -->", "<!-- end of generated -->"
    pattern = re.compile(f"{re.escape(begin)}\n.*?{re.escape(end)}", re.DOTALL)
    replaced, count = pattern.subn(lambda _: f"{begin}\n{table}\n{end}", text)
    if count != 1:
        raise ValueError(f"expected the comments {begin} and {end} once")
    return replaced


def _methods() -> str:
    """A table of the client's methods, with their parameters."""
    types = TypeWriter(schema_files())
    rows = ["| method | route, below `/_sandbox` |", "|---|---|"]
    for route in CONTROL_ROUTES:
        parameters = parameters_of(route, types)
        names = [each.name for each in parameters if each.is_required]
        optional = [each.name for each in parameters if not each.is_required]
        names += ["*", *optional] if optional else []
        rows.append(f"| `{route.name}({', '.join(names)})` | `{route.method} {route.path}` |")
    return "\n".join(rows)


def _routes() -> str:
    """A table of the routes, with what each does."""
    rows = ["| route, below `/_sandbox` | what it does |", "|---|---|"]
    rows += [f"| `{each.method} {each.path}` | {each.summary} |" for each in CONTROL_ROUTES]
    return "\n".join(rows)


def _actions() -> str:
    """A table of the actions, each with the last of its examples."""
    rows = ["| action | effect |", "|---|---|"]
    for action in ACTIONS:
        example = action.EXAMPLES[-1]
        spelt = action.name if example is True else flow({action.name: example})[1:-1]
        rows.append(f"| `{spelt}` | {action.ROW} |")
    return "\n".join(rows)


def _outcomes() -> str:
    """A table of the outcomes of a step."""
    rows = ["| outcome | what the client gets |", "|---|---|"]
    return "\n".join([*rows, *(f"| `{each.name}` | {each.ROW} |" for each in OUTCOMES)])


TABLES: Final[tuple[tuple[str, str, Callable[[], str]], ...]] = (
    ("docs/testing.md", "methods of the client", _methods),
    ("docs/control-api.md", "routes of the control API", _routes),
    ("docs/control-api.md", "findings", verification_families.findings_table),
    ("docs/scenario-language.md", "actions", _actions),
    ("docs/scenario-language.md", "outcomes", _outcomes),
    ("docs/scenario-language.md", "expectations", verification_families.expectations_table),
    ("docs/wire-faults.md", "faults", faults.faults_table),
    ("docs/wire-faults.md", "sections", faults.fault_sections),
    ("docs/wire-faults.md", "clients", faults.clients_table),
    ("docs/wire-faults.md", "clients under TLS", faults.clients_under_tls_table),
)
"""Each page, the mark of a generated part of it, and the function that makes that part."""
