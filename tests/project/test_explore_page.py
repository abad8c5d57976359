"""docs/explore.md lists the verdicts and sets of failures of the code."""

from payments_sandbox.exploration.failures import SETS
from payments_sandbox.exploration.judge import RunVerdict
from tests.project.tree import ROOT

PAGE = (ROOT / "docs" / "explore.md").read_text(encoding="utf-8")


def test_the_page_lists_every_verdict_with_its_meaning() -> None:
    section = PAGE.partition("## Verdicts")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]

    assert rows == [f"| `{verdict}` | {verdict.meaning} |" for verdict in RunVerdict]


def test_the_page_lists_every_set_of_failures() -> None:
    assert ", ".join(f"`{name}`" for name in SETS) in " ".join(PAGE.split())
