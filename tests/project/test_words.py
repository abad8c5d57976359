"""Names follow the words of CONTRIBUTING.md: plain, each with one meaning."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from tests.project.tree import PACKAGE, ROOT, modules, parsed

TEXT: Final = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
RETIRED: Final = frozenset(
    re.findall(r"`(\w+)`", TEXT.partition("do not come back:")[2].partition("\n## ")[0])
)


def defined(tree: ast.Module) -> Iterator[str]:
    """Yield each class, function, method, attribute and variable that a module defines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def test_no_module_defines_a_retired_name() -> None:
    found = [
        f"{path.relative_to(PACKAGE).as_posix()}: {name}"
        for path in modules()
        for name in [path.stem, *defined(parsed(path))]
        if name in RETIRED
    ]
    assert found == [], "CONTRIBUTING.md, 'Words', says what these are called now"


def test_retired_names_are_found() -> None:
    assert {"Play", "Told", "undisturbed"} <= RETIRED
    assert set(defined(ast.parse("class Play:\n    Told: int\n\nfor lane in (): pass"))) == {
        "Play",
        "Told",
        "lane",
    }


def test_public_class_names_are_unique() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in modules():
        for node in parsed(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(path.relative_to(PACKAGE).as_posix())

    assert {name: found for name, found in places.items() if len(found) > 1} == {}
