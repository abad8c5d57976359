"""The language pages of docs/how-to, followed as written if the toolchain is installed."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.project.blocks import read_blocks
from tests.project.tree import ROOT
from tests.support.process import environment

PAGES: Final = ROOT / "docs" / "how-to"
PATIENCE: Final = 120
"""Seconds that a page may take: Go may have to compile its library first."""

JUNIT: Final = Path("/usr/share/java")
"""Where Debian's package junit5 has its jars."""


class Language(NamedTuple):
    """A page, and replacements for the steps that would download something.

    Attributes:
        page: its name, without the ending.
        needs: the programs that it requires.
        copied: the helper below `clients`, and where the page says it goes.
        commands: run instead of the page's commands that would install something.
        passed: what the output contains if both tests passed.
    """

    page: str
    needs: Sequence[str]
    copied: tuple[str, str]
    commands: Sequence[str]
    passed: str


CONSOLE: Final = "org.junit.platform.console.ConsoleLauncher"
LANGUAGES: Final = (
    Language("node", ["node"], ("js", "node_modules/@payments-sandbox/client"), [], "# pass 2"),
    Language(
        "go",
        ["go"],
        ("go/sandbox.go", "sandbox/sandbox.go"),
        ["go mod init example.com/shop"],
        "ok  \texample.com/shop",
    ),
    Language(
        "java",
        ["javac", "java"],
        ("java/Sandbox.java", "Sandbox.java"),
        [
            f"javac -cp '{JUNIT}/*' -d classes Sandbox.java CheckoutTest.java",
            f"java -cp '{JUNIT}/*:classes' {CONSOLE} --scan-class-path classes",
        ],
        "2 tests successful",
    ),
    Language("ruby", ["ruby"], ("ruby/sandbox.rb", "sandbox.rb"), [], "2 runs, 3 assertions"),
    Language("php", ["phpunit"], ("php/Sandbox.php", "Sandbox.php"), [], "OK (2 tests, 3 assert"),
)
"""`csharp.md` says that it is unrun."""


def missing(language: Language) -> str:
    """Return why a page cannot be followed here, or an empty text."""
    absent = [name for name in language.needs if shutil.which(name) is None]
    if language.page == "java" and not list(JUNIT.glob("junit-jupiter-*.jar")):
        absent.append("junit5")
    if language.page == "ruby" and not absent:
        has_minitest = subprocess.run(["ruby", "-rminitest", "-e", ""], check=False).returncode == 0
        absent += [] if has_minitest else ["minitest"]
    return f"there is no {' and no '.join(absent)}" if absent else ""


def follow(language: Language, folder: Path) -> str:
    """Follow a page in an empty folder, and return the output of its last command."""
    source, target = (ROOT / "clients" / language.copied[0], folder / language.copied[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    path = PAGES / f"{language.page}.md"
    lines = path.read_text(encoding="utf-8").splitlines()
    blocks = read_blocks(path)
    [test] = [block for block in blocks if " " in lines[block.line - 1]]
    (folder / lines[test.line - 1].split()[1]).write_text(test.code, encoding="utf-8")
    last = [block.code for block in blocks if block.language == "sh"][-1]
    commands = [*language.commands, *([] if language.page == "java" else [last])]
    done = subprocess.run(
        ["sh", "-ec", "\n".join(commands)],
        cwd=folder,
        env=environment(
            GOFLAGS="-mod=mod",
            GOPROXY="off",
        ),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.page)
def test_following_a_language_page_leads_to_passing_tests(
    language: Language, tmp_path: Path
) -> None:
    """The commands and the code are those of the page, in an empty folder."""
    if reason := missing(language):
        pytest.skip(reason)

    assert language.passed in follow(language, tmp_path)


def test_every_language_page_except_csharp_is_followed() -> None:
    """csharp.md says that it is unrun; each page begins with the same first step."""
    pages = {path.stem: path.read_text(encoding="utf-8") for path in PAGES.glob("*.md")}
    found = {name for name, text in pages.items() if re.match("# Test from (?!an)", text)}

    assert found == {language.page for language in LANGUAGES} | {"csharp"}
    assert "**Unrun.**" in pages["csharp"]
    assert all("\npip install payments-sandbox\n" in pages[name] for name in found)
