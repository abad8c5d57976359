"""The plugin beside the others that are installed here: no fixture, mark or key has two owners."""

import inspect
import re
from types import ModuleType

import pytest

OURS = "payments-sandbox"


def fixtures(module: ModuleType) -> set[str]:
    """The fixtures that a plugin defines."""
    return {name for name, value in vars(module).items() if _is_fixture(value)}


def _is_fixture(value: object) -> bool:
    return type(value).__name__ == "FixtureFunctionDefinition"


def test_no_fixture_has_the_name_of_another_plugins(pytestconfig: pytest.Config) -> None:
    """What ours is called, no other plugin calls anything."""
    plugins = pytestconfig.pluginmanager.list_name_plugin()
    modules = {
        name: each
        for name, each in plugins
        if inspect.ismodule(each) and each.__name__.rpartition(".")[2] != "conftest"
    }
    ours = fixtures(modules.pop(OURS))
    assert ours == {"sandbox", "sandbox_server", "sandbox_options", "make_sandbox", "payments_env"}
    assert len(modules) > 20
    assert {name: both for name, each in modules.items() if (both := ours & fixtures(each))} == {}


def test_no_mark_has_the_name_of_another_plugins(pytestconfig: pytest.Config) -> None:
    """Each mark is registered once."""
    marks = [re.split(r"[(:]", line)[0] for line in pytestconfig.getini("markers")]
    assert [mark for mark in marks if mark.startswith("sandbox")] == [
        "sandbox_scenario",
        "sandbox_clock",
        "sandbox_world",
    ]
