"""Owns the report as a page: one HTML file that needs no other files and no scripts."""

from collections.abc import Iterator
from html import escape
from typing import Final

from payments_sandbox.core.html_page import html_page
from payments_sandbox.rules.schema_parts import Json
from payments_sandbox.verification.report_text import (
    Reports,
    WorldReport,
    as_one_line,
    flow,
    undocumented_in_words,
)

_STYLE: Final = """
code { font: 13px/1.5 monospace; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% }
td, th { border-bottom: 1px solid #8886; padding: .3em .6em; text-align: left; vertical-align: top }
.bad { color: light-dark(#a3191f, #ff9d9d); font-weight: bold }
.good { color: light-dark(#0b6b34, #7fdba3) }
"""


def as_page(reports: Reports) -> str:
    """Write the page: the overall outcome, then each world."""
    parts = (part for world in reports for part in _world(world))
    return html_page(as_one_line(reports), _STYLE, parts)


def _world(world: WorldReport) -> Iterator[str]:
    report = world.report
    yield f"<h2>{escape(world.title)}</h2><p>{escape(as_one_line([world]))}</p>"
    yield from _table("Expectations", map(_expectation, report["expectations"]))
    yield from _table("Rules", map(_rule, report["rules"]))
    yield from _table("Undocumented calls", map(_undocumented, world.undocumented))
    yield from _table("Audit", map(_finding, report["audit"]["findings"]))


def _table(title: str, rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    """Yield a heading and a table; nothing if there are no rows."""
    lines = ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows]
    if lines:
        yield f"<h3>{title}</h3><table>{''.join(lines)}</table>"


def _expectation(each: Json) -> tuple[str, ...]:
    return (
        _mark("met" if each["met"] else "not met", is_good=each["met"]),
        f"<code>{escape(flow(each['expect']))}</code>",
        escape(each["observed"]),
    )


def _rule(rule: Json) -> tuple[str, ...]:
    fired = f"fired {rule['fired']} of {rule['matched']}"
    name = escape(f"{rule['scenario']}: {rule['rule']}")
    return (
        _mark(fired, is_good=rule["why_not"] is None),
        f"<code>{name}</code>",
        escape(rule["why_not"] or ""),
    )


def _undocumented(call: Json) -> tuple[str, ...]:
    return escape(undocumented_in_words(call)), f"<code>{escape(call['request'])}</code>"


def _finding(each: Json) -> tuple[str, ...]:
    requests = escape(", ".join(each["requests"]))
    return (
        _mark(each["kind"], is_good=False),
        f"{escape(each['message'])}<br>{escape(each['advice'])}",
        f"<code>{requests}</code>",
    )


def _mark(text: str, *, is_good: bool) -> str:
    return f'<span class="{"good" if is_good else "bad"}">{escape(text)}</span>'
