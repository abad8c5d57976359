"""Owns what all pages of HTML that we write have: each is one file that needs nothing else."""

from collections.abc import Iterable
from html import escape
from typing import Final

_STYLE: Final = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75em; margin: 2em auto; padding: 0 1em }
"""


def html_page(title: str, style: str, parts: Iterable[str]) -> str:
    """Write a page.

    Args:
        title: on top, and of the window; it is escaped here.
        style: its rules of CSS, besides those that all pages have.
        parts: what is below the title, as HTML.
    """
    title = escape(title)
    head = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{title}</title><style>{_STYLE}{style.lstrip()}</style></head><body>",
        f"<h1>{title}</h1>",
    ]
    return "\n".join([*head, *parts, "</body></html>", ""])
