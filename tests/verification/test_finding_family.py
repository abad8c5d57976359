"""Every kind of finding brings all that the audit, its schema and the docs need of it.

Where one of these fails for a new kind, the failing test's docstring says what is missing.
"""

import pytest

from payments_sandbox.verification.findings import FINDING_KINDS
from payments_sandbox.verification.findings.finding import FindingKind
from tests.project.tables import rows_below
from tests.project.tree import PACKAGE, ROOT
from tests.support.in_process import History

FOLDER = PACKAGE / "verification" / "findings"
SHARED = {"__init__", "finding", "repetitions"}
each_kind = pytest.mark.parametrize("kind", FINDING_KINDS, ids=lambda kind: kind.name)


def test_every_module_of_the_folder_has_its_row() -> None:
    """Add the kind to FINDING_KINDS in verification/findings/__init__.py."""
    modules = {path.stem for path in FOLDER.glob("*.py")} - SHARED

    assert modules == {kind.name for kind in FINDING_KINDS}


@each_kind
def test_a_kind_has_its_tests(kind: FindingKind) -> None:
    """Write tests/verification/findings/test_NAME.py: what is found, and what is spared."""
    assert (ROOT / "tests/verification/findings" / f"test_{kind.name}.py").is_file()


@each_kind
def test_a_kind_says_what_to_do(kind: FindingKind) -> None:
    """Its advice is a sentence or two."""
    assert kind.advice.endswith(".")


@each_kind
def test_a_kind_finds_nothing_where_nothing_has_happened(kind: FindingKind) -> None:
    """An unused world is clean."""
    assert list(kind.find(History().observed())) == []


def test_the_table_on_the_page_is_the_entries() -> None:
    """`make generate` writes it: the kind, what exactly is found, and what is not."""
    page = (ROOT / "docs/control-api.md").read_text(encoding="utf-8")

    assert rows_below("GET /_sandbox/audit", page) == [
        {"kind": f"`{kind.name}`", "reported if": kind.finds, "not reported for": kind.spares}
        for kind in FINDING_KINDS
    ]
