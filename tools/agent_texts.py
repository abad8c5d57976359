"""Owns the lists of pages, llms.txt and docs/index.md, and the SKILL.md for agents."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from tools.documentation import replaced
from tools.page_order import sections

AGENTS: Final = "docs/agents/AGENTS.md"
SKILL: Final = "docs/agents/SKILL.md"
INDEX: Final = "llms.txt"
HOME: Final = "docs/index.md"

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
> scripted failures, signed webhooks, virtual time. Each API key has its own world.

`payments-sandbox docs TOPIC` prints each page below without a network. TOPIC is the path below
docs, or the last part of it. `payments-sandbox explain WORD` explains an error code, a card,
a wire fault or a request.

- [README](README.md): what it is, and five examples that run
- [Documentation](docs/index.md): the pages below, by what you want to do
"""


def texts(known: Mapping[str, str]) -> dict[str, str]:
    """Make the texts, by their paths below the root."""
    return {
        SKILL: _SKILL_HEAD + known[AGENTS],
        INDEX: _INDEX_HEAD + "".join(_sections(known)),
        HOME: replaced(known[HOME], "pages", "\n".join(_home(known))),
    }


def _sections(known: Mapping[str, str]) -> Iterator[str]:
    for section in sections():
        yield f"\n## {section.heading}\n\n"
        yield from (f"- {_entry(page, known)}\n" for page in section.pages)


def _home(known: Mapping[str, str]) -> Iterator[str]:
    for section in sections():
        yield f"\n## {section.heading}"
        for title, pages in section.groups.items():
            yield f"\n### {title}\n" if title else ""
            yield from (f"- {_entry(page, known, below='')}" for page in pages)
    yield ""


def _entry(page: str, known: Mapping[str, str], below: str = "docs/") -> str:
    title, _, text = known[f"docs/{page}"].partition("\n")
    paragraph = " ".join(text.strip().partition("\n\n")[0].split())
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", paragraph).replace("**", "")
    sentence = _SENTENCE.match(plain)
    about = plain if sentence is None else sentence[1]
    return f"[{title.removeprefix('# ')}]({below}{page}): {about.rstrip('.:')}"
