"""Owns the page of an exploration: one HTML file that needs no other."""

from html import escape
from typing import Final

from payments_sandbox.core.html_page import html_page
from payments_sandbox.exploration.exploration import ExplorationResult
from payments_sandbox.exploration.findings import ExploredFinding
from payments_sandbox.exploration.judge import RunVerdict
from payments_sandbox.exploration.report import ExploredFlow, is_accepted, scenario_of
from payments_sandbox.exploration.report_text import (
    NOT_MET_MARK,
    NOT_TRIED_MARK,
    cells,
    columns,
    remarks,
    summary,
)
from payments_sandbox.exploration.run_record import call_by_call
from payments_sandbox.scenarios.yaml_writer import text_of

_STYLE: Final = """
pre, code, td, summary { font: 13px/1.5 monospace; white-space: pre-wrap; overflow-wrap: anywhere }
table { border-collapse: collapse; display: block; overflow-x: auto } td, th { padding: .1em .6em }
th { font-weight: normal; text-align: left; vertical-align: bottom } td { text-align: center }
td.well { color: #292 } td.unwell { background: #c33; color: #fff }
details { border-left: 4px solid #c72; padding-left: .6em; margin: .6em 0 }
"""


def as_page(flow: ExploredFlow, result: ExplorationResult) -> str:
    """Write the page."""
    parts = [
        f"<p>{escape(summary(flow, result))}</p>",
        *_matrix(result),
        "<h2>Findings</h2>" if result.found else "",
        *(_finding(flow, each, result) for each in result.found),
        f"<pre>{escape(chr(10).join(remarks(result)))}</pre>",
    ]
    return html_page(f"Explored: {flow.title}", _STYLE, parts)


def _matrix(result: ExplorationResult) -> list[str]:
    marks = cells(result)
    names = columns(result, marks)
    head = "".join(f'<th scope="col">{escape(str(name))}</th>' for name in names)
    rows = [f"<table><tr><th></th>{head}</tr>"]
    for failure in dict.fromkeys(failure for _, failure in marks):
        row = "".join(_cell(marks.get((name, failure))) for name in names)
        rows.append(f'<tr><th scope="row">{escape(failure)}</th>{row}</tr>')
    return [*rows, "</table>"]


_WORDS: Final = {each.mark: str(each) for each in RunVerdict}
_WELL: Final = frozenset(each.mark for each in RunVerdict if each.is_well)


def _cell(mark: str | None) -> str:
    if mark is None or mark in {NOT_TRIED_MARK, NOT_MET_MARK}:
        return f"<td>{mark or ''}</td>"
    return f'<td class="{"well" if mark in _WELL else "unwell"}">{_WORDS[mark]}</td>'


def _finding(flow: ExploredFlow, finding: ExploredFinding, result: ExplorationResult) -> str:
    run = finding.run
    accepted = " (accepted)" if is_accepted(flow, finding) else ""
    steps = "".join(f"<li>{escape(each)}</li>" for each in call_by_call(run.record))
    scenario = escape(text_of(scenario_of(finding, result)))
    advice = "".join(f"<p>{escape(each)}</p>" for each in run.why.advice)
    witnesses = ", ".join(dict.fromkeys(each.planned.failure_ids for each in finding.witnesses))
    return (
        f"<details open><summary>{finding.number:02} {finding.verdict}{accepted}:"
        f" {escape(finding.verdict.meaning)}</summary>"
        f"<p>{escape(str(run.planned))}</p><ol>{steps}</ol>"
        f"<p><strong>{escape(' '.join(run.why.evidence))}</strong></p>{advice}"
        f"<p>Seen after: {escape(witnesses)}</p><pre>{scenario}</pre>"
        f"<pre>{escape(flow.repeat_of(finding))}</pre></details>"
    )
