"""The documentation site: built strictly, without external resources, as GitHub shows it."""

import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from tests.project.tree import ROOT
from tests.support.tables import for_each
from tests.support.values import LONGEST_WAIT
from tools.docs_site import on_page_markdown
from tools.page_order import sections

CODE: Final = re.compile(r"<pre.*?</pre>|<code.*?</code>", re.DOTALL)
PARAGRAPH: Final = re.compile(r"<p>(.*?)</p>", re.DOTALL)
MARKDOWN: Final = re.compile(r"^\s*(?:[-*|] |\d+\. |```|#{1,6} )", re.MULTILINE)
"""A line that GitHub shows as a list, a table, a block or a heading."""
LOADED: Final = re.compile(
    r"<(?:script|img|link|iframe)\b[^>]*?(?:src|href)=\"?(https?://[^\"> ]+)"
)
REPOSITORY: Final = "https://github.com/payments-sandbox/payments-sandbox"


def test_the_site_builds_without_warnings_and_external_resources(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(tmp_path)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LONGEST_WAIT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stderr

    pages = {path: path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.html")}
    wanted = [page for section in sections() for page in section.pages]
    assert {tmp_path / page.replace(".md", ".html") for page in wanted} <= set(pages)
    assert [address for text in pages.values() for address in LOADED.findall(text)] == []
    assert [found for text in pages.values() for found in misread(text)] == []


def misread(html: str) -> list[str]:
    """Return the paragraphs of a page that GitHub would show as something else."""
    article = html.partition("<article")[2].partition("</article>")[0]
    return [found for found in PARAGRAPH.findall(CODE.sub("", article)) if MARKDOWN.search(found)]


def test_misread_paragraphs_are_found() -> None:
    assert misread("<article><p>So:\n- one\n- two</p></article>") == ["So:\n- one\n- two"]
    assert misread("<article><p>One - two</p><pre><p>- one</p></pre></article>") == []


def rewritten(markdown: str) -> str:
    """Return the page `how-to/page.md` as MkDocs reads it; the site also has `other.md`."""
    config = MkDocsConfig()
    config.load_dict({"site_name": "test", "extra": {"repository": REPOSITORY}})
    files = [
        File(name, "docs", "site", use_directory_urls=False)
        for name in ("how-to/page.md", "other.md")
    ]
    page = Page(None, files[0], config)
    return on_page_markdown(markdown, page, config, Files(files))


@for_each(
    ("written", "read"),
    [
        ("[a](../other.md#b)", "[a](../other.md#b)"),
        ("[a](https://a.example/)", "[a](https://a.example/)"),
        ("[a](#b)", "[a](#b)"),
        ("[a](../../Dockerfile)", f"[a]({REPOSITORY}/blob/main/Dockerfile)"),
        ("[a](../../README.md#run-it)", f"[a]({REPOSITORY}/blob/main/README.md#run-it)"),
        ("[a](../../examples)", f"[a]({REPOSITORY}/tree/main/examples)"),
        (
            "```python shop.py\n[a](../../x)\n```\n",
            '```python title="shop.py"\n[a](../../x)\n```\n',
        ),
        ("- one\n\n  ```sh\n  ls\n  ```\n", "- one\n\n  ```sh\n  ls\n  ```\n"),
    ],
)
def test_github_markdown_is_rewritten_for_the_site(written: str, read: str) -> None:
    assert rewritten(written) == read


def test_a_dead_link_to_a_file_of_the_repository_causes_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        rewritten("[a](../../not/there.md)")

    assert caplog.messages == ["how-to/page.md links to not/there.md, which is not there."]
