"""The plugin beside the others that are installed here: no fixture, mark or key has two owners."""

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
"""It takes longer to import than all of the others, and its one fixture begins with its name."""


def fixtures(module: ModuleType) -> set[str]:
    """The fixtures that a plugin defines."""
    return {name for name, value in vars(module).items() if _is_fixture(value)}


def _is_fixture(value: object) -> bool:
    return type(value).__name__ == "FixtureFunctionDefinition"


def test_no_fixture_has_the_name_of_another_plugins(pytestconfig: pytest.Config) -> None:
    """What ours is called, no other plugin calls anything: pytest's own, and those installed."""
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
    """The packages that some requirements bring, extras left out, and what those bring in turn."""
    for line in requirements:
        if "extra ==" not in line and (name := re.match(r"[\w.-]+", line)):
            yield name[0]
            with suppress(PackageNotFoundError):  # it is for another system, or another Python
                yield from needed_by(metadata.requires(name[0]) or ())


def test_no_package_that_we_need_brings_a_plugin_of_its_own() -> None:
    """It would come into the suite of everyone who installs us."""
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


def test_no_mark_has_the_name_of_another_plugins(pytestconfig: pytest.Config) -> None:
    """Each mark is registered once."""
    marks = [re.split(r"[(:]", line)[0] for line in pytestconfig.getini("markers")]
    assert [mark for mark in marks if mark.startswith("sandbox")] == [
        "sandbox_scenario",
        "sandbox_clock",
        "sandbox_world",
        "sandbox_explore",
    ]
