"""docs/wire-faults.md has every fault, and says of each what its module says."""

import re
from importlib import import_module
from typing import Final

from payments_sandbox.rules.faults import FAULT_NAMED
from payments_sandbox.rules.faults.malform import SPOIL, Malformation, garbage
from tests.project.tables import rows_below
from tests.project.tree import PACKAGE, ROOT

TEXT: Final = (ROOT / "docs" / "wire-faults.md").read_text(encoding="utf-8")
SHARED: Final = {"__init__", "fault", "reply"}


def test_every_fault_has_its_module() -> None:
    """One file each, called like the fault, and no file for anything else."""
    modules = {path.stem for path in (PACKAGE / "rules" / "faults").glob("*.py")}

    assert modules - SHARED == {*FAULT_NAMED}


def test_every_fault_has_its_heading_and_no_heading_lies() -> None:
    """A fault that is not on the page, or a section without its fault, fails the build."""
    headings = re.findall(r"^### (.+)$", TEXT, re.MULTILINE)

    assert headings == list(FAULT_NAMED)


def test_the_table_of_faults_is_what_the_modules_say() -> None:
    """Word for word, behind the fault's name."""
    shown = [
        (row["fault"], row["what the client meets"]) for row in rows_below("Wire faults", TEXT)
    ]

    assert shown == [(f"[`{name}`](#{name})", _owned(name)) for name in FAULT_NAMED]


def test_the_table_of_malformations_is_what_the_functions_say() -> None:
    """Every way, in the order of the language, with the sentence of what does it."""
    ways = {**SPOIL, Malformation.GARBAGE: garbage}
    shown = [(row["`as`"], row["what comes"]) for row in rows_below("malform", TEXT)]

    assert shown == [(f"`{how}`", ways[how].__doc__) for how in Malformation]


def _owned(name: str) -> str:
    """What the first sentence of a fault's module says of it."""
    text = import_module(f"payments_sandbox.rules.faults.{name}").__doc__ or ""
    found = re.match(rf"Owns the fault `{name}`: (.+)\.$", text, re.MULTILINE)
    assert found, (
        f"sandbox/payments_sandbox/rules/faults/{name}.py opens with a sentence of another form"
    )
    return found[1]
