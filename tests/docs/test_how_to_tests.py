"""Pages about tests: their files are written, their commands run, and the output compared."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from payments_sandbox.testing import running_sandbox
from tests.project.blocks import Block, read_blocks
from tests.project.tree import ROOT
from tests.support.process import (
    ASYNCIO_INI,
    PLUGIN_MODULES,
    PYTEST_INI,
    run_pytest,
    serve_process,
)
from tests.support.values import LONGEST_WAIT

pytest_plugins = ["pytester"]

PAGES: Final[dict[str, tuple[str, ...]]] = {
    "first-test": (),
    "test-your-webhooks": ("asyncio", "aiohttp"),
    "time-travel": (),
    "rate-limits": (),
    "while-a-payment-is-in-flight": (),
    "parallel-ci": ("xdist",),
    "debug-a-failed-test": (),
    "coverage-of-failure": (),
    "testing": (),
    "wire-faults": (),
    "fastapi": ("anyio",),
    "django": (),
    "flask": (),
    "celery": (),
    "behave": (),
    "time-machine-and-freezegun": ("time_machine",),
}
FOLDERS: Final = {"testing": "", "wire-faults": ""}
"""Folders of pages below `docs`, if they are not in `how-to`."""

PLUGINS: Final = {
    r"^pytest": "pytest",
    r"\baiohttp_server\b": "pytest-aiohttp",
    r"^pytest -n": "pytest-xdist",
}
"""The signs of plugins that no file imports."""

BROUGHT: Final = {"aiohttp", "payments-sandbox", "pydantic", "werkzeug"}
"""What is installed with the packages that a page names: with ours, FastAPI and Flask."""

USUAL: Final = "http://127.0.0.1:8080"
SERVE: Final = "payments-sandbox serve --port 0 --ready-file ready.json"
"""A command that runs until it is stopped, and has its own test."""


class Page:
    """A page, whose files are written to a folder.

    Attributes:
        files: the files that it shows, by name.
        blocks: its code blocks.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.path = ROOT / "docs" / FOLDERS.get(name, "how-to") / f"{name}.md"
        self.lines = self.path.read_text(encoding="utf-8").splitlines()
        self.blocks = read_blocks(self.path)
        self.files = dict(self._files())
        for name_, code in self.files.items():
            (folder / name_).parent.mkdir(parents=True, exist_ok=True)
            (folder / name_).write_text(code, encoding="utf-8")

    def outputs(self) -> Iterator[tuple[str, str]]:
        """Yield each command or script with the output after it."""
        for asked, answered in pairwise(self.blocks):
            if answered.language == "text":
                is_script = asked.language == "python"
                command = f"python {self._name(asked)}" if is_script else asked.code.strip()
                yield command, answered.code

    def _files(self) -> Iterator[tuple[str, str]]:
        for block in self.blocks:
            if block.language in ("python", "gherkin"):
                yield self._name(block), block.code

    def _name(self, block: Block) -> str:
        return self.lines[block.line - 1].split()[1]


def shown(expected: str, output: str) -> bool:
    """Return whether all lines are in the output in order; `…` is anything, `---` any rule."""
    lines = iter(output.splitlines())
    return all(any(_fits(wanted, line) for line in lines) for wanted in expected.splitlines())


def _fits(wanted: str, line: str) -> bool:
    pattern = re.escape(wanted).replace("…", ".*").replace(r"\-\-\-", "-+")
    return re.search(pattern, line) is not None


@pytest.mark.parametrize("name", PAGES)
def test_the_files_and_commands_of_a_page_work_as_shown(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Every file is used, and every command prints the output on the page."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PAYMENTS_SANDBOX_URL", raising=False)
    page = Page(name, pytester.path)
    ini = PYTEST_INI + (ASYNCIO_INI + "asyncio_mode = auto\n") * ("asyncio" in PAGES[name])
    pytester.makefile(".ini", pytest=ini)
    needed = ("payments-sandbox", *(PLUGIN_MODULES.get(each, each) for each in PAGES[name]))
    plugins = [part for each in needed for part in ("-p", each)]
    seen = ""
    with running_sandbox() as server:
        for command, expected in page.outputs():
            words = shlex.split(command.replace(USUAL, server.url))
            output = _output(words, plugins, pytester.path)
            assert shown(expected, output), output
            seen += output
    if "xdist" not in PAGES[name]:  # its output names no file
        tests = [file for file in page.files if file.startswith("test_")]
        assert [file for file in tests if file not in seen] == []
    commands = {block.code.strip() for block in page.blocks if block.language == "sh"}
    assert commands - {command for command, _ in page.outputs()} <= {SERVE}
    known = {block.language for block in page.blocks}
    assert known <= {"python", "gherkin", "sh", "text"}


@pytest.mark.parametrize("name", sorted(set(PAGES) - set(FOLDERS)))
def test_a_page_says_what_to_install(name: str, tmp_path: Path) -> None:
    """It names every package that its files import, and every plugin that its tests need."""
    page = Page(name, tmp_path)
    text = page.path.read_text(encoding="utf-8")
    said = {word for line in re.findall(r"`pip install ([^`]+)`", text) for word in line.split()}
    own = {Path(file).stem for file in page.files}
    imported = {
        module.partition(".")[0]
        for code in page.files.values()
        for module in re.findall(r"^(?:from|import) ([\w.]+)", code, re.MULTILINE)
    }
    needed = {each.replace("_", "-") for each in imported - own - sys.stdlib_module_names}
    needed |= {plugin for sign, plugin in PLUGINS.items() if re.search(sign, text, re.MULTILINE)}
    assert needed - said - BROUGHT == set()


def test_suites_can_share_a_server_by_the_ready_file(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plugin accepts `sandbox_url` of the ready file, as the page says."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    page = Page("parallel-ci", pytester.path)
    assert SERVE in [block.code.strip() for block in page.blocks]
    pytester.makefile(".ini", pytest=PYTEST_INI)
    ready = pytester.path / "ready.json"

    with serve_process(*shlex.split(SERVE)[4:], cwd=pytester.path) as server:
        url = json.loads(ready.read_text(encoding="utf-8"))["sandbox_url"]
        assert url.startswith(server.address)
        monkeypatch.setenv("PAYMENTS_SANDBOX_URL", url)
        output = _output(["pytest"], ["-p", "payments-sandbox"], pytester.path)

    assert "20 passed" in output, output
    assert not ready.exists()


def _output(words: Sequence[str], plugins: Sequence[str], folder: Path) -> str:
    match words:
        case ["pytest", *arguments]:
            ended = run_pytest(*plugins, *arguments)
            return ended.stdout + ended.stderr
        case ["python", *script]:
            command = script
        case ["behave"]:
            command = ["-m", "behave"]
        case ["payments-sandbox", *arguments]:
            here = {"python": sys.executable}
            command = ["-m", "payments_sandbox", *(here.get(each, each) for each in arguments)]
        case _:
            raise AssertionError(words)
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_WAIT,
    )
    return done.stdout + done.stderr


def test_an_ellipsis_matches_anything_in_a_line() -> None:
    """Other lines in between are allowed, but the order matters."""
    assert shown("a … c\nlast", "first\na b c\nmore\nlast")
    assert not shown("last\na", "a\nlast")
    assert shown("--- x ---", "------- x --------")
