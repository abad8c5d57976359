"""Owns mutation testing: small faults, each put into the core, that a unit test has to notice.

1. A place is a comparison, an `and` or `or`, a `not`, a whole number, a truth value, a returned
   value or a call whose result nobody takes. A seed draws as many places as are wanted.
2. For each of them this process forks. The child imports the module with that one place changed,
   and runs the test module that mirrors it, then the folder of its layer, until a test fails.
3. What no test notices has survived, unless `equivalent_mutants.txt` says why nobody could notice.

Tools that are kept by others change the files on disk, start an interpreter for each fault, or do
not reach tables outside functions; and none of them draws a sample by a seed.
"""

import argparse
import ast
import importlib.machinery
import importlib.util
import os
import random
import resource
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final, NamedTuple

import pytest

ROOT: Final = Path(__file__).resolve().parents[1]
PACKAGE: Final = ROOT / "sandbox" / "payments_sandbox"
LAYERS: Final = (
    "core", "payments", "rules", "webhooks", "world", "api", "verification", "scenarios",
)  # fmt: skip
EQUIVALENT: Final = Path(__file__).with_name("equivalent_mutants.txt")
WANTED: Final = 0.92
MOST_SECONDS: Final = 300
"""Seconds of computing after which a run of tests counts as hanging, and the fault as noticed."""

MOST_BYTES: Final = 4 << 30
"""Memory of such a run."""

PRELOADED: Final = (
    "aiohttp.web", "aiohttp.pytest_plugin", "faker.contrib.pytest.plugin", "hypothesis.stateful",
    "httpx", "jsonschema", "jsonschema_rs", "orjson", "pytest_asyncio.plugin", "pytest_randomly",
    "pytest_timeout", "requests", "xdist.plugin", "yaml",
)  # fmt: skip
"""What tests import that is not ours: each child has it from its parent."""

_COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_UNCHANGED: Final = frozenset({"annotation", "returns", "decorator_list", "type_params"})


class Place(NamedTuple):
    """One place that can be changed: the nth of its module, and what becomes of it, in words."""

    path: str
    number: int
    line: int
    change: str

    @property
    def key(self) -> str:
        """What names it although lines move."""
        return f"{self.path}: {self.change}"


def changed(node: ast.AST, step: int) -> ast.AST | None:
    """The node with its fault, or None where there is none for it; `step` is 1 or -1."""
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
            new = ast.Constant(value + step)
        case ast.Return(value=ast.expr() as value) if ast.unparse(value) != "None":
            new = ast.Return(ast.Constant(None))
        case ast.Expr(value=ast.Call(func=called)) if ast.unparse(called) != "assert_never":
            new = ast.Pass()
    return new


def slots(tree: ast.AST, scope: str = "") -> Iterator[tuple[ast.AST, str, int | None, str]]:
    """Where each node of a tree stands: its parent, the field, the place in it, its function."""
    for field, value in ast.iter_fields(tree):
        if field in _UNCHANGED:
            continue
        for index, child in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(child, ast.AST):
                yield tree, field, index if isinstance(value, list) else None, scope
                if isinstance(child, ast.FunctionDef | ast.ClassDef):
                    yield from slots(child, f"{scope}{child.name}.")
                else:
                    yield from slots(child, scope)


def mutate(tree: ast.Module, wanted: int | None = None) -> Iterator[tuple[int, int, str]]:
    """Yield number, line and change of every place of a module, and change the wanted one."""
    for number, (parent, field, index, scope) in enumerate(slots(tree)):
        holder = getattr(parent, field)
        node = holder if index is None else holder[index]
        new = changed(node, 1 if number % 2 else -1)
        if new is None:
            continue
        text = f"{scope[:-1] or 'module'}: {ast.unparse(node)} → {ast.unparse(new)}"
        yield number, node.lineno, text.replace("\n", " ")[:160]
        if number == wanted:
            ast.copy_location(new, node)
            if index is None:
                setattr(parent, field, new)
            else:
                holder[index] = new
            ast.fix_missing_locations(tree)
            return


def places() -> list[Place]:
    """Every place of the core."""
    return [
        Place(path.relative_to(PACKAGE).as_posix(), *found)
        for layer in LAYERS
        for path in sorted((PACKAGE / layer).rglob("*.py"))
        for found in mutate(ast.parse(path.read_text(encoding="utf-8")))
    ]


class Changed(importlib.machinery.SourceFileLoader):
    """Loads one module with its fault, in the place of whoever else would load it."""

    def __init__(self, place: Place) -> None:
        name = "payments_sandbox." + place.path.removesuffix(".py").replace("/", ".")
        super().__init__(name.removesuffix(".__init__"), str(PACKAGE / place.path))
        self._number = place.number

    def pytest_configure(self) -> None:
        """Come before pytest's own loader, which is there by now."""
        sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find that module, and no other."""
        if name != self.name:
            return None
        return importlib.util.spec_from_file_location(name, self.path, loader=self)

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - there is one
        """Compile the changed module; nothing of it is cached."""
        tree = ast.parse(Path(self.path).read_text(encoding="utf-8"))
        for _ in mutate(tree, self._number):
            pass
        return compile(tree, self.path, "exec")


def tests_of(place: Place) -> list[str]:
    """The tests to run: the module that mirrors it, where there is one, then its layer's."""
    folder, _, name = place.path.rpartition("/")
    mirror = ROOT / "tests" / folder / f"test_{name}"
    layer = ROOT / "tests" / place.path.split("/")[0]
    return [str(each) for each in (mirror, layer) if each.exists()]


def is_noticed(place: Place) -> bool:
    """Whether some test fails, in a fork that imports the changed module."""
    return any(_fails(place, tests) for tests in tests_of(place))


def _fails(place: Place, tests: str) -> bool:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = _run(place, tests)
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0


def _run(place: Place, tests: str) -> int:
    """Run tests in this process, silently; what loops or grows without end is stopped."""
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    plugins = ("randomly", "cacheprovider", "schemathesis")
    without = [f"-pno:{each}" for each in plugins]
    preloaded = "-Wignore::pytest.PytestAssertRewriteWarning"
    return int(pytest.main(["-xq", "-n0", preloaded, *without, tests], plugins=[Changed(place)]))


def excused() -> set[str]:
    """The keys of the faults that nobody could notice; below each stands why."""
    lines = EQUIVALENT.read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith((" ", "#"))}


def drawn(seed: int, wanted: int, only: str) -> list[Place]:
    """So many places, drawn by a seed, but for those that are excused."""
    known = excused()
    found = [each for each in places() if each.key not in known and only in each.key]
    return random.Random(seed).sample(found, min(wanted, len(found)))  # noqa: S311 - a sample


def check_unchanged(chosen: Sequence[Place]) -> None:
    """Stop unless the tests pass where nothing is changed: else every fault would be noticed."""
    for layer in sorted({each.path.split("/")[0] for each in chosen}):
        if is_noticed(Place(f"{layer}/__init__.py", -1, 0, "nothing")):
            sys.exit(f"the tests of {layer} fail as they are")


def main() -> int:
    """Try the faults, say which survive; 1 when too many do."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutate", description=__doc__)
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--places", type=int, default=300, metavar="N")
    parser.add_argument("--only", default="", metavar="TEXT", help="faults whose line has it")
    options = parser.parse_args()
    chosen = drawn(options.seed, options.places, options.only)
    os.environ["HYPOTHESIS_PROFILE"] = "mutate"
    for name in PRELOADED:
        importlib.import_module(name)
    check_unchanged(chosen)
    survived = 0
    for tried, place in enumerate(chosen, start=1):
        if not is_noticed(place):
            survived += 1
            print(f"survived ({survived} of {tried}), line {place.line}\n{place.key}", flush=True)
    score = 1 - survived / len(chosen)
    print(f"{len(chosen) - survived} of {len(chosen)} noticed: {score:.1%}, wanted {WANTED:.0%}")
    return int(score < WANTED)


if __name__ == "__main__":
    sys.exit(main())
