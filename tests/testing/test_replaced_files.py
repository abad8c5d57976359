"""A server keeps working while a test replaces the file system, as pyfakefs does."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from payments_sandbox.core.resources import data_files, read_all_data
from payments_sandbox.server.dashboard import Dashboard
from payments_sandbox.testing import running_sandbox
from tests.support.sockets import exchange, raw_request

LIFE: Final = """
import json, sys, types
from urllib.request import Request, urlopen

if len(sys.argv) > 1:
    sys.modules["pyfakefs"] = types.ModuleType("pyfakefs")

import payments_sandbox.testing as testing
from payments_sandbox.contract.control_routes import CONTROL_ROUTES


def ask(url, headers):
    try:
        with urlopen(Request(url, headers=headers)) as reply:
            reply.read()
    except OSError:  # it wants something else
        pass


with testing.running_sandbox() as server:
    before = set(sys.modules)
    world = server.new_world()
    world.use("lost-reply", "slow-api")
    for route in CONTROL_ROUTES:
        if route.method == "GET" and "stream" not in route.path:
            ask(f"{server.url}/_sandbox{route.path}", world.headers)
    ask(f"{server.url}/_sandbox/", {"Accept": "text/html"})
    try:
        world.judge()
    except testing.ExpectationFailed:
        pass
late = {name.partition(".")[0] for name in set(sys.modules) - before} - sys.stdlib_module_names
print(json.dumps(sorted(late)))
"""


def life(*arguments: str) -> str:
    """Return the output of an interpreter that starts a server and calls every route."""
    done = subprocess.run(
        [sys.executable, "-c", LIFE, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_with_pyfakefs_nothing_is_imported_lazily() -> None:
    """It removes modules that are imported while it replaces the file system."""
    assert life("beside pyfakefs") == "[]"
    assert "payments_sandbox" in life()  # other suites import rare modules lazily


def test_the_dashboard_is_served_while_the_file_system_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each unknown path is looked up among the dashboard's files."""
    data_files.cache_clear()
    with running_sandbox() as server:
        for method in ("read_text", "read_bytes", "open", "is_file", "is_dir", "iterdir"):
            monkeypatch.setattr(Path, method, lambda *_, **__: pytest.fail("a file is looked for"))
        assert exchange(server.url, raw_request("GET", "/_sandbox/")).status == 200


def test_starting_after_pyfakefs_replaced_the_files_raises_with_a_hint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A function-scoped fixture may start the sandbox after another replaced the files."""
    data_files.cache_clear()
    monkeypatch.setattr(Path, "is_dir", lambda _: False)
    with pytest.raises(FileNotFoundError) as plain:
        read_all_data()
    assert "pyfakefs" not in str(plain.value)
    monkeypatch.setitem(sys.modules, "pyfakefs", sys)
    with pytest.raises(FileNotFoundError, match="start the sandbox before that"):
        read_all_data()


def test_dashboard_files_are_read_without_changing_line_ends() -> None:
    """The system's line ends do not matter."""
    folder = Path(sys.modules[Dashboard.__module__].__file__ or "").parent / "dashboard_files"
    assert {name: text.encode() for name, text in data_files("dashboard").items()} == {
        each.name: each.read_bytes() for each in folder.iterdir()
    }
