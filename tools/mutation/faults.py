"""Owns the faults: where the core can be changed in one place, and how.

A place is a comparison, an `and` or `or`, a `not`, a whole number, a truth value, a returned value
or a call whose result is not used.
"""

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGE: Final = ROOT / "sandbox" / "payments_sandbox"
LAYERS: Final = (
    "core", "payments", "rules", "webhooks", "world", "api", "verification", "scenarios",
)  # fmt: skip

ELSEWHERE: Final = frozenset({"core/output_files.py", "core/settings.py"})
"""File handling of processes, and a declaration of options: their tests start processes."""

_COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_UNCHANGED: Final = frozenset({"annotation", "returns", "decorator_list", "type_params"})


class Fault(NamedTuple):
    """One place of a module, by the number of its node, and a description of the change.

    Attributes:
        path: of the module, below the package.
        function: the outermost function around the place; None outside functions.
    """

    path: str
    number: int
    line: int
    function: str | None
    change: str

    @property
    def key(self) -> str:
        """An identifier that does not depend on line numbers."""
        return f"{self.path}: {self.change}"

    @property
    def module(self) -> str:
        """The name of the module."""
        return module_name(self.path)

    @property
    def layer(self) -> str:
        """The layer of the module."""
        return self.path.partition("/")[0]

    @property
    def order(self) -> tuple[int, str, int]:
        """The sort key: from the lowest layer up."""
        return LAYERS.index(self.layer), self.path, self.number

    def tree(self) -> ast.Module:
        """The syntax tree of the module with the fault in it."""
        tree = parsed(self.path)
        for slot in _slots(tree):
            if slot.number == self.number and (new := _changed(slot.node)):
                slot.put(ast.copy_location(new, slot.node))
                break
        return ast.fix_missing_locations(tree)


def parsed(path: str) -> ast.Module:
    """The syntax tree of an unchanged module."""
    return ast.parse((PACKAGE / path).read_text(encoding="utf-8"))


def module_name(path: str) -> str:
    """The name of a module by its path below the package."""
    return "payments_sandbox." + path.removesuffix(".py").replace("/", ".")


def modules(layers: Sequence[str] = LAYERS) -> list[str]:
    """The paths of the modules of some layers, below the package."""
    files = (file for layer in layers for file in sorted((PACKAGE / layer).rglob("*.py")))
    paths = (file.relative_to(PACKAGE).as_posix() for file in files)
    return [path for path in paths if path not in ELSEWHERE]


def faults_of(path: str) -> Iterator[Fault]:
    """Yield every fault of a module."""
    for slot in _slots(parsed(path)):
        if (new := _changed(slot.node)) is not None:
            text = f"{ast.unparse(slot.node)} → {ast.unparse(new)}".replace("\n", " ")
            change = f"{slot.scope or 'module'}: {text}"[:160]
            yield Fault(path, slot.number, getattr(slot.node, "lineno", 0), slot.function, change)


def _changed(node: ast.AST) -> ast.AST | None:
    """The node with its fault, or None if there is no fault for it."""
    new: ast.AST | None = None
    match node:
        case ast.Compare(ops=[op, *others]):
            new = ast.Compare(node.left, [_COMPARISONS[type(op)](), *others], node.comparators)
        case ast.BoolOp():
            new = ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        case ast.UnaryOp(op=ast.Not()):
            new = node.operand
        case ast.Constant(value=bool(value)):
            new = ast.Constant(not value)
        case ast.Constant(value=int(value)):
            new = ast.Constant(value - 1 if value % 2 else value + 1)
        case ast.Return(value=ast.expr() as value) if ast.unparse(value) != "None":
            new = ast.Return(ast.Constant(None))
        case ast.Expr(value=ast.Call(func=called)) if ast.unparse(called) != "assert_never":
            new = ast.Pass()
    return new


class _Slot(NamedTuple):
    """The position of a node in its tree, with its scope and function."""

    number: int
    parent: ast.AST
    field: str
    place: int | None
    scope: str
    function: str | None

    @property
    def node(self) -> ast.AST:
        """The node at this position."""
        held = getattr(self.parent, self.field)
        found: ast.AST = held if self.place is None else held[self.place]
        return found

    def put(self, node: ast.AST) -> None:
        """Replace the node at this position."""
        if self.place is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.place] = node


def _slots(tree: ast.Module) -> Iterator[_Slot]:
    found = _below(tree, "", None)
    return (_Slot(number, *each) for number, each in enumerate(found))


def _below(
    parent: ast.AST, scope: str, function: str | None
) -> Iterator[tuple[ast.AST, str, int | None, str, str | None]]:
    for field, value in ast.iter_fields(parent):
        if field in _UNCHANGED:
            continue
        # Defaults are evaluated where the function is defined, not in it.
        within = None if field == "args" and isinstance(parent, ast.FunctionDef) else function
        for index, child in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(child, ast.AST):
                continue
            yield parent, field, index if isinstance(value, list) else None, scope, within
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                inner = f"{scope}.{child.name}".removeprefix(".")
                is_outermost = isinstance(child, ast.FunctionDef) and within is None
                yield from _below(child, inner, inner if is_outermost else within)
            else:
                yield from _below(child, scope, within)
