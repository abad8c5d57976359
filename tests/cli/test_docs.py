"""`payments-sandbox docs`: prints the pages that ship with the package."""

import pytest

from payments_sandbox.cli.commands.docs import topics_of
from payments_sandbox.core.resources import data_files
from tests.project.tree import ROOT
from tests.support.process import run
from tests.support.tables import for_each


@for_each(
    ("topic", "page"),
    [
        ("testing", "testing.md"),
        ("how-to/go", "how-to/go.md"),
        ("go", "how-to/go.md"),
        ("docs/wire-faults.md", "wire-faults.md"),
        ("agents", "agents/AGENTS.md"),
        ("skill", "agents/SKILL.md"),
    ],
)
def test_docs_prints_a_page_by_its_path_or_its_name(topic: str, page: str) -> None:
    ended = run("docs", topic)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == (ROOT / "docs" / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("columns", [80, 120])
def test_docs_lists_all_topics_with_titles_within_the_width(columns: int) -> None:
    lines = run("docs", columns=columns).stdout.splitlines()

    begun = [line.split("  ")[0] for line in lines if not line.startswith(" ")]
    assert begun == topics_of(list(data_files("docs")))
    assert ["how-to/time-travel", "Time travel"] in [line.split(maxsplit=1) for line in lines]
    assert max(map(len, lines)) <= columns


def test_adrs_and_images_are_not_topics() -> None:
    names = ["adr/0001-x.md", "images/now.webp", "cli.md", "how-to/go.md"]
    assert topics_of(names) == ["cli", "how-to/go"]


@pytest.mark.parametrize(
    ("topic", "hint"),
    [
        ("webhook", "did you mean 'webhooks'?\n"),
        ("zzz", "payments-sandbox docs lists all pages.\n"),
    ],
)
def test_an_unknown_page_is_reported_with_the_closest_match(topic: str, hint: str) -> None:
    ended = run("docs", topic)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"payments-sandbox: there is no page '{topic}'; {hint}"
