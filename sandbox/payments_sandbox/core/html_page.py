"""Owns the frame of every HTML page that is written: one file that needs no other."""

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
        title: the heading and the window's title; it is escaped here.
        style: CSS rules in addition to those of all pages.
        parts: the HTML below the title.
    """
    title = escape(title)
    head = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{title}</title><style>{_STYLE}{style.lstrip()}</style></head><body>",
        f"<h1>{title}</h1>",
    ]
    return "\n".join([*head, *parts, "</body></html>", ""])
