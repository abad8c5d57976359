"""Owns reading the tables of a page."""

from tests.project.blocks import HEADING


def rows_below(heading: str, markdown: str) -> list[dict[str, str]]:
    """Return the rows of the tables below a heading, by column names.

    Raises:
        ValueError: a row has more or fewer cells than its table's head.
    """
    above, head, rows = "", list[str](), list[dict[str, str]]()
    for line in markdown.splitlines():
        if match := HEADING.match(line):
            above = match["title"]
        if not line.startswith("|"):
            head = []
        elif above == heading and not line.startswith("|---"):
            cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
            if head:
                rows.append(dict(zip(head, cells, strict=True)))
            head = head or cells
    return rows
