"""The plugin next to other installed plugins: no fixture or mark has two owners."""

import inspect
import re
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib import metadata
from importlib.metadata import PackageNotFoundError
from types import ModuleType

import pytest

from tests.project.tree import ROOT

OURS = "payments-sandbox"
SLOW = "schemathesis"
"""Importing it takes longer than all others, and its only fixture begins with its name."""


def fixtures(module: ModuleType) -> set[str]:
    """Return the fixtures that a plugin defines."""
    return {name for name, value in vars(module).items() if _is_fixture(value)}


def _is_fixture(value: object) -> bool:
    return type(value).__name__ == "FixtureFunctionDefinition"


def test_fixture_names_do_not_clash_with_other_plugins(pytestconfig: pytest.Config) -> None:
    """They are compared with those of pytest and all installed plugins."""
    plugins = pytestconfig.pluginmanager.list_name_plugin()
    modules = {
        name: each
        for name, each in plugins
        if inspect.ismodule(each) and each.__name__.startswith("_pytest.")
    }
    installed = metadata.entry_points(group="pytest11")
    modules |= {each.name: each.load() for each in installed if each.name != SLOW}
    ours = fixtures(modules.pop(OURS))
    assert ours == {"sandbox", "sandbox_server", "sandbox_options", "make_sandbox", "payments_env"}
    assert len(modules) > 20
    assert {name: both for name, each in modules.items() if (both := ours & fixtures(each))} == {}


def needed_by(requirements: Iterable[str]) -> Iterator[str]:
    """Yield the packages that requirements need, recursively, without extras."""
    for line in requirements:
        if "extra ==" not in line and (name := re.match(r"[\w.-]+", line)):
            yield name[0]
            with suppress(PackageNotFoundError):  # for another system or Python
                yield from needed_by(metadata.requires(name[0]) or ())


def test_required_packages_bring_no_pytest_plugins() -> None:
    """It would be loaded in the suite of everyone who installs this package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {name.lower() for name in needed_by(project["dependencies"])}
    plugins = {
        entry.dist.name.lower()
        for entry in metadata.entry_points(group="pytest11")
        if entry.dist is not None
    }
    assert {"aiohttp", "orjson", "multidict"} <= needed
    assert "faker" in plugins
    assert needed & plugins == set()


def test_each_sandbox_mark_is_registered_once(pytestconfig: pytest.Config) -> None:
    marks = [re.split(r"[(:]", line)[0] for line in pytestconfig.getini("markers")]
    assert [mark for mark in marks if mark.startswith("sandbox")] == [
        "sandbox_scenario",
        "sandbox_clock",
        "sandbox_world",
        "sandbox_explore",
    ]
