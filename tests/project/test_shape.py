"""Holds the package to the sizes, names and absences of the house."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles
from typing import Final

import pytest

from tests.project.tree import PACKAGE, modules

LONGEST_MODULE: Final = 400
LONGEST_FUNCTION: Final = 60
P90_FUNCTION: Final = 30
MEDIAN_FUNCTION: Final = 8

VAGUE: Final = {"manager", "managers", "util", "utils", "common", "data"}
UNSAFE_IMPORTS: Final = {"pickle", "marshal", "shelve", "dill", "jinja2", "mako", "string.Template"}
UNSAFE_CALLS: Final = {"eval", "exec", "compile", "__import__"}
WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

Function = ast.FunctionDef | ast.AsyncFunctionDef
each_module = pytest.mark.parametrize(
    "path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix()
)


@each_module
def test_module_is_short(path: Path) -> None:
    """A module is read in one sitting."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE


@each_module
def test_module_says_what_it_owns(path: Path) -> None:
    """A module opens with a sentence."""
    first, _, _ = (ast.get_docstring(_parse(path)) or "").partition("\n")

    assert re.match(r"[A-Z`].*[.:]$", first), "The first line of the docstring is one sentence."


def test_functions_are_short() -> None:
    """Most functions are a handful of lines, and none needs scrolling."""
    sizes = {name: size for path in modules() for name, size in _functions(path)}
    ranked = sorted(sizes.values())

    assert {name: size for name, size in sizes.items() if size > LONGEST_FUNCTION} == {}
    assert median(ranked) <= MEDIAN_FUNCTION
    assert quantiles(ranked, n=10, method="inclusive")[-1] <= P90_FUNCTION


def test_names_say_something() -> None:
    """No module and no class is called by a word that fits everything."""
    names = [path.stem for path in modules()] + [
        node.name
        for path in modules()
        for node in ast.walk(_parse(path))
        if isinstance(node, ast.ClassDef)
    ]

    assert [name for name in names if _words(name) & VAGUE] == []


@each_module
def test_nothing_that_users_send_becomes_code(path: Path) -> None:
    """No pickle, no eval, no template engine."""
    tree = _parse(path)

    assert sorted(set(_imports(tree)) & UNSAFE_IMPORTS) == []
    assert sorted(set(_calls(tree)) & UNSAFE_CALLS) == []


def test_checks_see_what_they_forbid() -> None:
    """Each of the checks above notices the thing that it is there for."""
    tree = ast.parse("import pickle\nfrom string import Template\neval('1')\n")

    assert set(_imports(tree)) & UNSAFE_IMPORTS == {"pickle", "string.Template"}
    assert set(_calls(tree)) & UNSAFE_CALLS == {"eval"}
    assert _words("HTTPDataManager") == {"http", "data", "manager"}
    assert _words("charged_card") == {"charged", "card"}


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def _functions(path: Path) -> Iterator[tuple[str, int]]:
    """Every function with its lines, from `def` to its end; its docstring is not counted."""
    for node in ast.walk(_parse(path)):
        if isinstance(node, Function):
            name = f"{path.relative_to(PACKAGE).as_posix()}:{node.lineno} {node.name}"
            yield name, _span(node) - _docstring(node)


def _docstring(node: Function) -> int:
    return 0 if ast.get_docstring(node) is None else _span(node.body[0])


def _span(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _imports(tree: ast.Module) -> Iterator[str]:
    """What is imported: each module by its first name, and each name with its module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module.partition(".")[0]
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _calls(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id


def _words(name: str) -> set[str]:
    return {word.lower() for word in WORDS.findall(name)}
