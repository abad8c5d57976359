"""Every kind of finding has everything that the audit, its schema and the docs need.

If one of these fails for a new kind, the docstring of the test says what is missing.
"""

from payments_sandbox.verification.findings import FINDING_KINDS
from payments_sandbox.verification.findings.finding import FindingKind
from tests.project.tables import rows_below
from tests.project.tree import PACKAGE, ROOT
from tests.support.in_process import History
from tests.support.tables import for_each

FOLDER = PACKAGE / "verification" / "findings"
SHARED = {"__init__", "finding", "repetitions"}
each_kind = for_each("kind", FINDING_KINDS, show=lambda kind: kind.name)


def test_every_finding_module_has_a_row() -> None:
    """Add the kind to FINDING_KINDS in verification/findings/__init__.py."""
    modules = {path.stem for path in FOLDER.glob("*.py")} - SHARED

    assert modules == {kind.name for kind in FINDING_KINDS}


@each_kind
def test_every_finding_kind_has_a_test_module(kind: FindingKind) -> None:
    """Write tests/verification/findings/test_NAME.py: what is found, and what is not."""
    assert (ROOT / "tests/verification/findings" / f"test_{kind.name}.py").is_file()


@each_kind
def test_every_finding_kind_has_advice(kind: FindingKind) -> None:
    """The advice is one or two sentences."""
    assert kind.advice.endswith(".")


@each_kind
def test_every_finding_kind_finds_nothing_in_an_unused_world(kind: FindingKind) -> None:
    assert list(kind.find(History().observed())) == []


def test_the_table_in_control_api_md_lists_the_finding_kinds() -> None:
    """`make generate` writes it: the kind, what is found, and what is not."""
    page = (ROOT / "docs/control-api.md").read_text(encoding="utf-8")

    assert rows_below("GET /_sandbox/audit", page) == [
        {
            "kind": f"`{kind.name}`",
            "reported if": kind.reported,
            "not reported for": kind.not_reported,
        }
        for kind in FINDING_KINDS
    ]
