"""ARCHITECTURE.md: its paths exist, its map is complete, and its diagram matches the code."""

import re
from collections.abc import Iterator
from typing import Final

from payments_sandbox.payments.payment import TRANSITIONS, Status
from tests.project.blocks import read_blocks
from tests.project.tree import PACKAGE, ROOT
from tests.support.tables import for_each

PAGE: Final = ROOT / "ARCHITECTURE.md"
TEXT: Final = PAGE.read_text(encoding="utf-8")

PATH: Final = re.compile(r"`([a-z_]+(?:/[a-z_]+)*(?:/|\.py))`")
FIRST_CELL: Final = re.compile(r"^\|([^|]+)\|", re.MULTILINE)
ARROW: Final = re.compile(r" *(?P<before>\S+) --> (?P<after>\w+)(?:: (?P<move>.+))?")

PATHS: Final = sorted(set(PATH.findall(TEXT)))
STARTS: Final = {("[*]", status.value, None) for status in Status}


def arrows() -> Iterator[tuple[str, str, str | None]]:
    """Yield the arrows of the diagram: from, to, and the label."""
    (diagram,) = [block for block in read_blocks(PAGE) if block.language == "mermaid"]
    for line in diagram.code.splitlines()[1:]:
        found = ARROW.fullmatch(line)
        assert found is not None, line
        yield found["before"], found["after"], found["move"]


@for_each("path", PATHS)
def test_every_path_on_the_page_exists(path: str) -> None:
    """It is relative to the package or the root; folders end in a slash."""
    found = next((base / path for base in (PACKAGE, ROOT) if (base / path).exists()), None)
    assert found is not None, f"{path} is nowhere"
    assert found.is_dir() == path.endswith("/")


def test_files_folders_and_nested_folders_are_found_on_the_page() -> None:
    """This shows that the expression above works."""
    assert {"server/factory.py", "world/", "server/control/", "contract/error_codes.py"} <= set(
        PATHS
    )


def test_the_map_lists_every_package_and_module_once() -> None:
    """A new package or module needs a row; `__init__` and `__main__` need none."""
    _, _, chapter = TEXT.partition("## The map")
    cells = FIRST_CELL.findall(chapter.partition("\n## ")[0])
    rows = [path for cell in cells for path in PATH.findall(cell)]
    parts = {
        f"{path.name}/" if path.is_dir() else path.name
        for path in PACKAGE.iterdir()
        if (path / "__init__.py").exists() or (path.suffix == ".py" and "__" not in path.name)
    }
    assert sorted(parts - set(rows)) == []
    assert len(rows) == len(set(rows))


def test_the_diagram_shows_exactly_the_table_of_status_changes() -> None:
    """Each cell of the table is an arrow, and a payment can begin in any status."""
    table = {
        (before.value, after.value, move.value)
        for before, moves in TRANSITIONS.items()
        for move, after in moves.items()
    }
    drawn = list(arrows())
    assert set(drawn) == table | STARTS
    assert len(drawn) == len(set(drawn))
