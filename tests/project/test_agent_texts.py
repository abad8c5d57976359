"""Documentation for agents: every page is listed, and every command exists."""

import re
from typing import Final

import yaml

from payments_sandbox.cli.commands.completion import words_by_place
from payments_sandbox.cli.commands.docs import find_topic, topics_of
from payments_sandbox.cli.main import COMMANDS, make_parser
from payments_sandbox.core.resources import data_files
from tests.project.tree import ROOT
from tools.agent_texts import AGENTS, INDEX, SKILL

PLACES: Final = dict(words_by_place(make_parser(COMMANDS)))
TOPICS: Final = topics_of(list(data_files("docs")))


def read(path: str) -> str:
    """Return the text of a file of the project."""
    return (ROOT / path).read_text(encoding="utf-8")


def test_the_index_links_every_page_exactly_once() -> None:
    links = re.findall(r"^- \[.+?\]\((.+?)\): .{12,}$", read(INDEX), re.MULTILINE)
    pages = {f"docs/{topic}.md" for topic in TOPICS} - {SKILL}

    assert sorted(links) == sorted({*pages, "README.md"})
    assert [link for link in links if not (ROOT / link).is_file()] == []


def test_the_skill_is_the_agents_page_with_a_front_matter() -> None:
    empty, head, text = read(SKILL).split("---\n", 2)

    assert (empty, text.lstrip("\n")) == ("", read(AGENTS))
    described = yaml.safe_load(head)
    assert (list(described), described["name"]) == (["name", "description"], "payments-sandbox")
    assert len(described["description"]) < 1024


def test_the_agents_page_names_only_existing_commands_options_and_pages() -> None:
    calls = re.findall(r"`(?:payments-sandbox )([a-z][^`]*)`", read(AGENTS))
    assert len(calls) > 10
    for call in calls:
        place, words = "", call.partition(" -- ")[0].split()
        while words and f"{place}/{words[0]}" in PLACES:
            place += f"/{words.pop(0)}"
        assert place, call
        options = {name for word in PLACES[place] for name in word.names}
        assert {word for word in words if word.startswith("--")} <= options, call
        if place == "/docs" and words and words[0] != "TOPIC":
            assert find_topic(words[0], TOPICS), call
