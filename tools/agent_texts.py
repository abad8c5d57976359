"""Owns what is made of the documentation for programs that read it: llms.txt and a SKILL.md."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from payments_sandbox.cli.docs import topics_of

ROOT: Final = Path(__file__).resolve().parents[1]
AGENTS: Final = "docs/agents/AGENTS.md"
SKILL: Final = "docs/agents/SKILL.md"
INDEX: Final = "llms.txt"

SECTIONS: Final = {
    "": "Reference",
    "tutorials": "Tutorials",
    "how-to": "How to",
    "agents": "Agents",
}
"""The heading of each folder of docs."""

_SENTENCE: Final = re.compile(r"(.{12,}?[.?!])\s")

_SKILL_HEAD: Final = """\
---
name: payments-sandbox
description: Test code that takes payments against a local server of the Payments API v3.2. Use when
  tests need payments, refunds, webhooks, declined cards, lost replies, rate limits or time travel,
  or when a payment, a webhook or a request in such a test has failed.
---

"""

_INDEX_HEAD: Final = """\
# payments-sandbox

> A local server that behaves like the documented Payments API v3.2, with real state: magic cards,
> scripted failures, signed webhooks, virtual time. Each API key is a world of its own.

`payments-sandbox docs TOPIC` prints each page below without a network, where the topic is its path
below docs, or the last part of it. `payments-sandbox explain WORD` explains an error code, a card,
a wire fault or a request.

- [README](README.md): what it is, and five examples that run
"""


def texts(known: Mapping[str, str]) -> dict[str, str]:
    """Make both texts, by their paths below the root."""
    return {SKILL: _SKILL_HEAD + known[AGENTS], INDEX: _INDEX_HEAD + "".join(_sections(known))}


def _sections(known: Mapping[str, str]) -> Iterator[str]:
    docs = ROOT / "docs"
    names = [path.relative_to(docs).as_posix() for path in sorted(docs.rglob("*.md"))]
    for folder, heading in SECTIONS.items():
        topics = [each for each in topics_of(names) if each.rpartition("/")[0] == folder]
        yield f"\n## {heading}\n\n"
        yield from (f"- {_entry(each, known)}\n" for each in topics if f"docs/{each}.md" != SKILL)


def _entry(topic: str, known: Mapping[str, str]) -> str:
    path = f"docs/{topic}.md"
    title, _, text = known[path].partition("\n")
    paragraph = " ".join(text.strip().partition("\n\n")[0].split())
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", paragraph).replace("**", "")
    sentence = _SENTENCE.match(plain)
    about = plain if sentence is None else sentence[1]
    return f"[{title.removeprefix('# ')}]({path}): {about.rstrip('.:')}"
