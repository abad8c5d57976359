"""Owns coverage of failure as files: JSON, and a page of HTML that needs nothing else."""

import json
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Final

from payments_sandbox.contract.operations import BY_NAME
from payments_sandbox.core.html_page import html_page
from payments_sandbox.exploration.coverage import FailureCoverage, table
from payments_sandbox.exploration.coverage_text import headline
from payments_sandbox.exploration.failures import EVENTS, scenario_of
from payments_sandbox.scenarios.yaml_writer import text_of

_STYLE: Final = """
table { border-collapse: collapse; margin: 1em 0 }
th, td { border: 1px solid #8886; padding: .1em .6em; text-align: right }
th:first-child { text-align: left; font-weight: normal }
td.met { background: #2924 } td.never { background: #c224 }
pre, summary { font: 13px/1.5 monospace; white-space: pre-wrap; overflow-wrap: anywhere }
"""


def coverage_files(
    coverage: FailureCoverage, *, json_file: Path | None, html_file: Path | None
) -> Iterator[tuple[Path, str]]:
    """Yield the files that were asked for, each with its text."""
    if json_file is not None:
        yield json_file, f"{json.dumps(coverage.as_json(), indent=2)}\n"
    if html_file is not None:
        yield html_file, as_page(coverage)


def as_page(coverage: FailureCoverage) -> str:
    """Write the page: the tables, then what is missing with its scenarios."""
    parts = [
        *_table(coverage, "Calls", tuple(BY_NAME)),
        *_table(coverage, "Webhooks", EVENTS),
        f"<p>Errors never seen: {escape(', '.join(coverage.errors_unseen) or 'none')}.</p>",
        "<h2>Never met</h2>",
    ]
    for each in coverage.missing:
        name = escape(f"{each.subject} {each.id}: {each.about}")
        source = escape(text_of(scenario_of(each)))
        parts.append(f"<details><summary>{name}</summary><pre>{source}</pre></details>")
    return html_page(headline(coverage), _STYLE, parts)


def _table(coverage: FailureCoverage, title: str, subjects: Sequence[str]) -> Iterator[str]:
    heads = "".join(f'<th scope="col">{escape(each)}</th>' for each in subjects)
    yield f"<h2>{title}</h2><table><tr><td></td>{heads}</tr>"
    for name, counts in table(coverage.rows, subjects):
        cells = "".join(map(_cell, counts))
        yield f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>'
    yield "</table>"


def _cell(count: int | None) -> str:
    if count is None:
        return "<td></td>"
    return f'<td class="met">{count}</td>' if count else '<td class="never">never</td>'
