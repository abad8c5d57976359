"""Owns reading fenced blocks of Markdown, with the heading above them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HEADING: Final = re.compile(r"#{1,6} +(?P<title>.*?) *#*$")
FENCE: Final = re.compile(r" *(?P<fence>`{3,}|~{3,}) *(?P<language>[^\s`]*)[^`]*$")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block.

    Attributes:
        heading: the title of the nearest heading above, or "".
        language: the first word after the fence, or "".
        code: the lines between the fences, with their line ends.
        line: the line of the opening fence, from 1.
    """

    heading: str
    language: str
    code: str
    line: int

    @property
    def first_line(self) -> str:
        """The first line that is not blank, or ""."""
        return next((line for line in self.code.splitlines() if line.strip()), "")


def read_blocks(path: Path) -> list[Block]:
    """Return the fenced blocks of a Markdown file, in order."""
    return list(blocks(path.read_text(encoding="utf-8")))


def blocks(markdown: str) -> Iterator[Block]:
    """Yield the fenced blocks of a text, in order.

    Raises:
        ValueError: a fence is never closed.
    """
    heading = ""
    lines = enumerate(markdown.splitlines(keepends=True), start=1)
    for number, line in lines:
        if match := HEADING.match(line.rstrip()):
            heading = match["title"]
        elif match := FENCE.match(line.rstrip()):
            code = "".join(_until(match["fence"], lines, opened=number))
            yield Block(heading, match["language"], code, number)


def below(heading: str, found: list[Block]) -> list[Block]:
    """Return the blocks below a heading."""
    return [block for block in found if block.heading == heading]


def _until(fence: str, lines: Iterator[tuple[int, str]], *, opened: int) -> Iterator[str]:
    for _, line in lines:
        text = line.strip()
        if text.startswith(fence) and not text.strip(fence[0]):
            return
        yield line
    message = f"The fence opened on line {opened} is never closed."
    raise ValueError(message)
