"""Owns the order of the documentation's pages: the navigation of mkdocs.yml."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

ROOT: Final = Path(__file__).resolve().parents[1]
HOME: Final = "index.md"


class Section(NamedTuple):
    """A part of the documentation.

    Attributes:
        heading: its name.
        groups: its pages below docs, such as `how-to/go.md`, by the title of their group, which is
            empty for pages without a group.
    """

    heading: str
    groups: dict[str, list[str]]

    @property
    def pages(self) -> list[str]:
        """All of its pages, in order."""
        return [page for pages in self.groups.values() for page in pages]


def sections() -> list[Section]:
    """Read the sections, in order.

    Raises:
        ValueError: a page of docs is missing from the navigation; decisions may be.
    """
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    found = [Section(*next(iter(_read(entry)))) for entry in config["nav"] if entry != HOME]
    docs = ROOT / "docs"
    listed = {HOME, config["exclude_docs"], *(page for each in found for page in each.pages)}
    for path in sorted(docs.rglob("*.md")):
        name = path.relative_to(docs).as_posix()
        if name not in listed and not name.startswith("adr/"):
            raise ValueError(f"docs/{name} has no place in the nav of mkdocs.yml")
    return found


def _read(entry: dict[str, Any]) -> Iterator[tuple[str, dict[str, list[str]]]]:
    for heading, entries in entry.items():
        groups: dict[str, list[str]] = {}
        for each in entries:
            if isinstance(each, str):
                groups.setdefault("", []).append(each)
            else:
                groups.update(each)
        yield heading, groups
