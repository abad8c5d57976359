"""Owns how a fault is tried: in a fork of this process, by the unit tests of its layer.

1. `Trials` is a plugin of a run of pytest over a layer's tests. When they are collected it runs
   them in a fork as they are, and learns which functions each calls, and how long it takes.
   Who fails even so is asked no more.
2. A fault in a function is tried in a fork of that run: the function gets its changed code, and the
   tests that call it run, those of the mirroring module first, until one fails.
3. A fault in what is made while modules are imported is tried by a run of its own, in which the
   changed module is imported in place of the other.
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
"""What tests import that is not ours: each fork has it."""

LONG: Final = ("tests/webhooks/test_leaks.py",)
"""What takes longer than all others together, and is asked about no fault."""

SECONDS: Final = 20
"""Of computing after which tests count as hanging, and a fault as noticed."""

MEMORY: Final = 4 << 30

Called = tuple[str, str]
"""A function that was called: its file, and the outermost function that it is in."""

_SAY: Final = "__called__"
"""What functions call that say so."""


class Trials:
    """Tries the faults of a layer; `noticed` says of each, None where it needs a run of its own."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._faults = faults
        self._at_import: set[Called] = set()
        self.noticed: list[bool | None] = []

    def pytest_configure(self) -> None:
        """Begin to look who is called while modules are imported."""
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
        gc.freeze()  # or each fork would copy what its collector counts
        for fault, called in named:
            tests = [session.items[place] for _, place in sorted(reached[called])]
            mirror = mirror_of(fault)
            in_mirror = [each for each in tests if each.path == mirror]
            trial = partial(survives, fault, in_mirror + [e for e in tests if e.path != mirror])
            self.noticed.append(in_fork(trial) is None if called in functions else None)
        return True

    def _is_in_a_function(self, fault: Fault) -> bool:
        """Whether it can be tried when all is imported: no decorator hides the function."""
        if fault.function is None or called_of(fault) in self._at_import:
            return False
        return function_of(fault).__code__.co_qualname == fault.function


def called_of(fault: Fault) -> Called:
    """The function that a fault is in."""
    return str(PACKAGE / fault.path), fault.function or ""


def recording(found: set[Called]) -> Callable[[FrameType, str, object], None]:
    """Make a function for `sys.settrace` that keeps who of the package is called."""
    package = str(PACKAGE)

    def record(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(package):
            found.add((code.co_filename, code.co_qualname.partition(".<locals>")[0]))

    return record


def calls_of(
    items: Sequence[pytest.Item], functions: Mapping[Called, Fault]
) -> list[tuple[float, set[Called]]]:
    """Run tests; how long each takes and what it calls: nothing where it fails as it is.

    Args:
        items: the tests.
        functions: what may be called, each with a fault that is in it. They say so themselves:
            whoever traced would slow down all that is not looked for.
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
    """A statement that says that a function was called."""
    named = ast.Tuple([ast.Constant(each) for each in called], ast.Load())
    call = ast.Call(ast.Name(_SAY, ast.Load()), [named], [])
    return ast.copy_location(ast.Expr(call), before)


def _end_of(node: ast.FunctionDef) -> int:
    return node.end_lineno or node.lineno


def passes(items: Sequence[pytest.Item]) -> bool:
    """Run tests until one fails; whether none did."""
    for item in items:
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        if item.session.testsfailed:
            return False
    return True


def survives(fault: Fault, items: Sequence[pytest.Item]) -> bool | None:
    """Change the function of a fault and run tests; None when one of them notices."""
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
    """The function that a fault is in, whatever it is wrapped in."""
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
    """Every code within a code."""
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from codes_in(each)


class ChangedModule(importlib.machinery.SourceFileLoader):
    """A plugin of pytest that loads one module with its fault."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.module, str(PACKAGE / fault.path))
        self._fault = fault

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
        return compile(self._fault.tree(), self.path, "exec")


def mirror_of(fault: Fault) -> Path:
    """The test module that mirrors a fault's."""
    folder, _, name = fault.path.rpartition("/")
    return ROOT / "tests" / folder / f"test_{name}"


def tried_together(faults: Sequence[Fault]) -> Iterator[bool]:
    """Yield whether each of some faults, all of one layer, is noticed.

    The layers below, which stay as they are, are imported once for all of them.

    Raises:
        RuntimeError: the tests fail as they are.
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
    """Whether a fault is noticed that modules are imported with; a layer is slow to collect."""
    tests = [each for each in (mirror_of(fault), layer) if each.exists()]
    return any(in_fork(partial(run, ChangedModule(fault), each)) != 0 for each in tests)


def run(plugin: object, tests: Path) -> int:
    """Run tests silently."""
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
    """Let this process end when it loops, or grows, without end."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def in_fork(work: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the work returns
    """Do something in a fork of this process; None when it does not come to its end."""
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
    return pickle.loads(raw) if raw else None  # noqa: S301 - our own
