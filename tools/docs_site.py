"""Turns the Markdown in docs, which GitHub shows unchanged, into MkDocs' dialect: `make site`.

MkDocs calls the functions whose names begin with `on_`, as configured in mkdocs.yml.
"""

import logging
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page
from pymdownx.slugs import slugify

ROOT: Final = Path(__file__).resolve().parents[1]
DECISIONS: Final = "Decisions"
"""The entry of the navigation under which the decisions are listed."""

_CODE: Final = re.compile(r"^( *)(```+)[^\n]*\n.*?^\1\2`* *$", re.MULTILINE | re.DOTALL)
_NAMED: Final = re.compile(r"^( *```+)(\w+) +([^\n`]+)")
_LINK: Final = re.compile(r"\]\((?!\w+:|[#/])([^)#\s]+)(#[^)\s]*)?\)")

_log: Final = logging.getLogger("mkdocs.hooks.docs_site")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Generate anchors like GitHub's, and list the decisions."""
    config.mdx_configs["toc"]["slugify"] = slugify(case="lower")
    folder = Path(config.docs_dir)
    found = sorted(folder.glob("adr/[0-9]*.md"))
    pages = [path.relative_to(folder).as_posix() for path in found]
    config.nav = [_with_decisions(entry, pages) for entry in config.nav or []]
    return config


def _with_decisions(entry: object, pages: list[str]) -> object:
    match entry:
        case {"Explanation": [*entries]}:
            return {"Explanation": [*entries, {DECISIONS: pages}]}
    return entry


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Title code blocks with their file names, and point links outside docs to the repository."""
    return "".join(_parts(markdown, page, config, files))


def _parts(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> Iterator[str]:
    def led(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join("docs", folder, link[1]))
        if files.get_file_from_path(target.removeprefix("docs/")) is not None:
            return link[0]
        if not (ROOT / target).exists():
            _log.warning("%s links to %s, which is not there.", page.file.src_uri, target)
        kind = "tree" if (ROOT / target).is_dir() else "blob"
        return f"]({config.extra['repository']}/{kind}/main/{target}{link[2] or ''})"

    folder = posixpath.dirname(page.file.src_uri)
    end = 0
    for code in _CODE.finditer(markdown):
        yield _LINK.sub(led, markdown[end : code.start()])
        yield _NAMED.sub(r'\1\2 title="\3"', code[0])
        end = code.end()
    yield _LINK.sub(led, markdown[end:])
