"""Owns how a fault is tried: in a fork of this process, by the unit tests of its layer.

1. `Trials` is a plugin of a pytest run over a layer's tests. After the collection it first runs
   them unchanged in a fork, and records which functions each calls, and how long it takes. A test
   that fails here is not used.
2. A fault in a function is tried in a fork of that run: the function gets its changed code, and the
   tests that call it run, those of the mirroring module first, until one fails.
3. A fault in code that runs while modules are imported is tried by a separate run, which imports
   the changed module in place of the original.
"""

import ast
import builtins
import gc
import importlib
import importlib.machinery
import importlib.util
import os
import pickle
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, Final

import pytest

from tools.mutation.faults import LAYERS, PACKAGE, ROOT, Fault, module_name, modules, parsed

PRELOADED: Final = (
    "aiohttp.web", "aiohttp.pytest_plugin", "anyio.pytest_plugin", "hypothesis.stateful", "httpx",
    "jsonschema", "jsonschema_rs", "orjson", "pytest_asyncio.plugin", "pytest_randomly",
    "pytest_timeout", "requests", "xdist.looponfail", "xdist.plugin", "yaml",
)  # fmt: skip
"""What tests import that is not ours, so that each fork already has it."""

LONG: Final = ("tests/webhooks/test_leaks.py",)
"""A test that takes longer than all others together, and is left out."""

SECONDS: Final = 20
"""CPU seconds after which tests count as hanging, and a fault as noticed."""

MEMORY: Final = 4 << 30

Called = tuple[str, str]
"""A function that was called: its file, and the name of the outermost function."""

_SAY: Final = "__called__"
"""The builtin that instrumented functions call to report themselves."""


class Trials:
    """Tries the faults of a layer; in `noticed`, None means that a fault needs a separate run."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._faults = faults
        self._at_import: set[Called] = set()
        self.noticed: list[bool | None] = []

    def pytest_configure(self) -> None:
        """Begin to record which functions are called while modules are imported."""
        sys.settrace(recording(self._at_import))

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try every fault."""
        sys.settrace(None)
        named = [(each, called_of(each)) for each in self._faults]
        functions = {called: each for each, called in named if self._is_in_a_function(each)}
        reached: dict[Called, list[tuple[float, int]]] = defaultdict(list)
        for place, (seconds, calls) in enumerate(
            in_fork(partial(calls_of, session.items, functions))
        ):
            for each in calls:
                reached[each].append((seconds, place))
        gc.freeze()  # otherwise the collector's counters would make each fork copy its memory
        for fault, called in named:
            tests = [session.items[place] for _, place in sorted(reached[called])]
            mirror = mirror_of(fault)
            in_mirror = [each for each in tests if each.path == mirror]
            trial = partial(survives, fault, in_mirror + [e for e in tests if e.path != mirror])
            self.noticed.append(in_fork(trial) is None if called in functions else None)
        return True

    def _is_in_a_function(self, fault: Fault) -> bool:
        """Whether the fault can be tried after the imports: no decorator hides the function."""
        if fault.function is None or called_of(fault) in self._at_import:
            return False
        return function_of(fault).__code__.co_qualname == fault.function


def called_of(fault: Fault) -> Called:
    """The function that a fault is in."""
    return str(PACKAGE / fault.path), fault.function or ""


def recording(found: set[Called]) -> Callable[[FrameType, str, object], None]:
    """Make a function for `sys.settrace` that records the called functions of the package."""
    package = str(PACKAGE)

    def record(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(package):
            found.add((code.co_filename, code.co_qualname.partition(".<locals>")[0]))

    return record


def calls_of(
    items: Sequence[pytest.Item], functions: Mapping[Called, Fault]
) -> list[tuple[float, set[Called]]]:
    """Run tests; return how long each takes and what it calls, which is nothing if it fails.

    Args:
        items: the tests.
        functions: the functions to look for, each with a fault in it. They are instrumented to
            report themselves: tracing would slow down everything else.
    """
    called: set[Called] = set()
    setattr(builtins, _SAY, called.add)
    for each, fault in functions.items():
        tree = parsed(fault.path)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.lineno <= fault.line <= _end_of(node):
                node.body.insert(0, _say(each, node.body[0]))
        put_code(fault, ast.fix_missing_locations(tree))
    found = []
    for item in items:
        called.clear()
        started = time.process_time()
        if not passes([item]):
            called.clear()
            item.session.testsfailed = 0
        found.append((time.process_time() - started, set(called)))
    return found


def _say(called: Called, before: ast.stmt) -> ast.stmt:
    """A statement that reports that a function was called."""
    named = ast.Tuple([ast.Constant(each) for each in called], ast.Load())
    call = ast.Call(ast.Name(_SAY, ast.Load()), [named], [])
    return ast.copy_location(ast.Expr(call), before)


def _end_of(node: ast.FunctionDef) -> int:
    return node.end_lineno or node.lineno


def passes(items: Sequence[pytest.Item]) -> bool:
    """Run tests until one fails; return whether all passed."""
    for item in items:
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        if item.session.testsfailed:
            return False
    return True


def survives(fault: Fault, items: Sequence[pytest.Item]) -> bool | None:
    """Change the function of a fault and run tests; None if one of them notices."""
    bound_resources()
    put_code(fault, fault.tree())
    return passes(items) or None


def put_code(fault: Fault, tree: ast.Module) -> None:
    """Give the function of a fault the code that it has in another tree of its module."""
    code = compile(tree, str(PACKAGE / fault.path), "exec")
    function_of(fault).__code__ = next(
        each
        for each in reversed(list(codes_in(code)))
        if each.co_qualname == fault.function and each.co_firstlineno <= fault.line
    )


def function_of(fault: Fault) -> FunctionType:
    """The function that a fault is in, without any wrappers."""
    found: Any = importlib.import_module(fault.module)
    for name in str(fault.function).split("."):
        found = vars(found)[name]
    while not isinstance(found, FunctionType) or hasattr(found, "__wrapped__"):
        found = next(
            getattr(found, name)
            for name in ("__wrapped__", "fget", "__func__", "func")
            if hasattr(found, name)
        )
    return found


def codes_in(code: CodeType) -> Iterator[CodeType]:
    """Yield every code object within a code object."""
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from codes_in(each)


class ChangedModule(importlib.machinery.SourceFileLoader):
    """A pytest plugin that loads one module with its fault."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.module, str(PACKAGE / fault.path))
        self._fault = fault

    def pytest_configure(self) -> None:
        """Take precedence over pytest's own loader, which is already installed."""
        sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find that module, and no other."""
        if name != self.name:
            return None
        return importlib.util.spec_from_file_location(name, self.path, loader=self)

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - there is only one
        """Compile the changed module, without any cache."""
        return compile(self._fault.tree(), self.path, "exec")


def mirror_of(fault: Fault) -> Path:
    """The test module that mirrors a fault's."""
    folder, _, name = fault.path.rpartition("/")
    return ROOT / "tests" / folder / f"test_{name}"


def tried_together(faults: Sequence[Fault]) -> Iterator[bool]:
    """Yield for each of some faults, all of one layer, whether it is noticed.

    The unchanged layers below are imported once for all of them.

    Raises:
        RuntimeError: the tests fail without any fault.
    """
    for path in modules(LAYERS[: LAYERS.index(faults[0].layer)]):
        importlib.import_module(module_name(path))
    layer = ROOT / "tests" / faults[0].layer
    trials = Trials(faults)
    noticed = in_fork(lambda: (run(trials, layer), trials.noticed)[1] or None)
    if noticed is None or len(noticed) != len(faults):
        raise RuntimeError(f"the tests of {faults[0].layer} fail as they are")
    for fault, each in zip(faults, noticed, strict=True):
        yield tried_alone(fault, layer) if each is None else each


def tried_alone(fault: Fault, layer: Path) -> bool:
    """Try a fault in import-time code: by its mirroring tests first, since a layer is slow."""
    tests = [each for each in (mirror_of(fault), layer) if each.exists()]
    return any(in_fork(partial(run, ChangedModule(fault), each)) != 0 for each in tests)


def run(plugin: object, tests: Path) -> int:
    """Run tests silently, and return pytest's exit code."""
    if isinstance(plugin, ChangedModule):
        bound_resources()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    without = [f"-pno:{each}" for each in ("cacheprovider", "faker", "randomly", "schemathesis")]
    without += [f"--ignore={ROOT / each}" for each in LONG]
    options = ["-xq", "-n0", "--tb=no", "--assert=plain", *without, str(tests)]
    return int(pytest.main(options, plugins=[plugin]))


def bound_resources() -> None:
    """Limit CPU time and memory, so that this process ends if it loops or grows endlessly."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def in_fork(work: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the work returns
    """Run a function in a fork of this process; return None if the fork does not finish."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            with os.fdopen(writing, "wb") as out:
                pickle.dump(work(), out)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as back:
        raw = back.read()
    os.waitpid(child, 0)
    return pickle.loads(raw) if raw else None  # noqa: S301 - our own data
