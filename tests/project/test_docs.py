"""The form of the documents: links, anchors, ADRs; other tests run their code blocks."""

import re
from pathlib import Path
from typing import Final

import pytest

from tests.project.blocks import Block, below, blocks, read_blocks
from tests.project.tree import ROOT, tracked
from tests.support.tables import for_each

SERVE: Final = (
    "python3 -m venv .venv && .venv/bin/pip install --quiet . && .venv/bin/payments-sandbox serve"
)
TEST: Final = (
    "python3 -m venv .venv && .venv/bin/pip install --quiet --editable '.[dev]'"
    " && .venv/bin/python -m pytest"
)
LINK: Final = re.compile(r"\[[^\]]*\]\((?!\w+:)(?P<target>[^)#\s]+)(?:#[^)]*)?\)")
ANCHOR: Final = re.compile(r"\[[^\]]*\]\((?!\w+:)(?P<target>[^)#\s]*)#(?P<anchor>[^)\s]+)\)")
CODE: Final = re.compile(r"^( *)(`{3,}).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
OTHER: Final = r"\[ADR \d+\]\((?P<other>\d{4})-[^)]+\)"
SUPERSEDED: Final = re.compile(
    rf"Superseded\s+by\s+{OTHER}|{OTHER.replace('other', 'later')}\s+supersedes"
)
SUPERSEDES: Final = re.compile(rf"[Ss]upersedes\s+(?:the\s+part\s+of\s+)?{OTHER}")
DECISIONS: Final = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))


def test_readme_starts_the_sandbox_with_one_command() -> None:
    """The command is a line of its own."""
    assert SERVE in [block.first_line for block in read_blocks(ROOT / "README.md")]


def test_readme_runs_the_tests_with_one_command() -> None:
    """The block that `.ci/run` executes is the first below its heading."""
    first = below("Run the tests", read_blocks(ROOT / "README.md"))[0]

    assert first.first_line == TEST


def test_every_receiver_example_also_catches_value_error() -> None:
    """The Python package `standardwebhooks` raises a ValueError for a garbled signature."""
    caught = {
        (name, line.strip())
        for name in tracked()
        if name.startswith(("docs/", "examples/", "README")) and name.endswith((".md", ".py"))
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines()
        if re.match(r" +except .*WebhookVerificationError", line)
    }

    assert caught
    assert {place for place in caught if "ValueError" not in place[1]} == set()


def test_every_relative_link_leads_to_a_file() -> None:
    broken = [
        f"{name}: {match['target']}"
        for name in tracked()
        if name.endswith(".md")
        for match in LINK.finditer((ROOT / name).read_text(encoding="utf-8"))
        if not (ROOT / name).parent.joinpath(match["target"]).exists()
    ]

    assert broken == []


def test_every_anchor_is_a_heading_of_its_page() -> None:
    """Anchors are those of GitHub; building the site checks them too."""
    pages = {name: CODE.sub("", _text(name)) for name in tracked() if name.endswith(".md")}
    broken = []
    for name, text in pages.items():
        for match in ANCHOR.finditer(text):
            target = (ROOT / name).parent / match["target"] if match["target"] else ROOT / name
            page = target.resolve().relative_to(ROOT).as_posix()
            if match["anchor"] not in _anchors(pages[page]):
                broken.append(f"{name}: {match['target']}#{match['anchor']}")

    assert broken == []


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _anchors(page: str) -> list[str]:
    """Return the anchors of a page's headings; repeated ones are numbered."""
    found: list[str] = []
    for line in page.splitlines():
        if heading := re.fullmatch(r"#{1,6} +(.+?) *", line):
            plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading[1])
            slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
            again = sum(
                re.fullmatch(rf"{re.escape(slug)}(-\d+)?", each) is not None for each in found
            )
            found.append(f"{slug}-{again}" if again else slug)
    return found


def test_anchors_are_generated_as_on_github() -> None:
    page = "# A `b.c` – d\n## GET /_sandbox/audit\n### [One](x.md)\n### One\n"

    assert _anchors(page) == ["a-bc--d", "get-_sandboxaudit", "one", "one-1"]


def test_adrs_are_numbered_without_gaps() -> None:
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@for_each("path", DECISIONS, show=lambda path: path.stem)
def test_every_adr_has_the_five_headings_and_at_most_sixty_lines(path: Path) -> None:
    """The headings are Context, Decision, Consequences, Alternatives and Status."""
    lines = path.read_text(encoding="utf-8").splitlines()

    assert [line.removeprefix("## ") for line in lines if line.startswith("## ")] == [
        "Context",
        "Decision",
        "Consequences",
        "Alternatives",
        "Status",
    ]
    assert len(lines) <= 60


def test_superseded_adrs_and_their_successors_link_to_each_other() -> None:
    """The links are in their status sections."""
    statuses = {
        int(path.name[:4]): path.read_text(encoding="utf-8").partition("## Status")[2]
        for path in DECISIONS
    }
    by_old = {
        (number, int(match["other"] or match["later"]))
        for number, status in statuses.items()
        for match in SUPERSEDED.finditer(status)
    }
    by_new = {
        (int(match["other"]), number)
        for number, status in statuses.items()
        for match in SUPERSEDES.finditer(status)
    }

    assert by_old == by_new
    assert {(4, 15), (11, 16), (12, 17), (13, 14)} <= by_old
    told = {number for number, status in statuses.items() if "uperseded" in status}
    assert told <= {old for old, _ in by_old}


def test_blocks_know_their_heading_language_and_line() -> None:
    text = "# One\n```sh\nls\n```\n## Two\n\n~~~~\n# no heading\n```\n~~~~\n"

    assert list(blocks(text)) == [
        Block(heading="One", language="sh", code="ls\n", line=2),
        Block(heading="Two", language="", code="# no heading\n```\n", line=7),
    ]


def test_an_unclosed_fence_raises() -> None:
    """The block would otherwise contain the rest of the page."""
    with pytest.raises(ValueError, match="line 2 is never closed"):
        list(blocks("text\n```\nls\n"))


@pytest.mark.parametrize("heading", ["## Run it", "## Run the tests"])
def test_the_first_commands_of_the_readme_need_only_python_and_a_clone(heading: str) -> None:
    """Alternatives, such as a package registry, come later."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition(f"\n{heading}\n")[2]
    first = section.partition("```sh\n")[2].splitlines()[0]
    assert first.startswith("python3 -m venv .venv && .venv/bin/pip install --quiet ")
