"""Every file of the project is fit for strangers to read."""

import re
from functools import cache
from typing import Final

from tests.project.tree import ROOT, tracked

NEWLINE: Final = "\n"

# Written so that the patterns do not find themselves.
MACHINE_PATH: Final = re.compile(r"(?<![\w.~-])/(?:work|root|home/\w+|Users/\w+)[/]|[A-Z]:\\Users")
REGISTRY: Final = re.compile(
    r"[p]ypi[.]org|[p]ythonhosted[.]org|[r]egistry[.]npmjs[.]org|[r]egistry[.]yarnpkg[.]com"
    r"|proxy[.]golang[.]org|crates[.]io|rubygems[.]org|--(?:extra-)?index[-]url|--find[-]links"
)
IN_THE_ROOT: Final = {
    *(".ci", ".dockerignore", ".github", ".gitignore", "Dockerfile", "LICENSE", "Makefile"),
    *("ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "README.md", "action.yml"),
    *("benchmarks", "clients", "docs", "examples", "sandbox", "scenarios", "schemas", "tests"),
    *("hatch_build.py", "image-requirements.txt", "llms.txt", "mkdocs.yml", "pyproject.toml"),
    *("schemathesis.toml", "tools"),
}
MARK: Final = re.compile(r"\b(?:TO[D]O|FIX[M]E|HA[C]K)\b")


def test_no_file_names_a_path_of_one_machine() -> None:
    """The project works on any machine."""
    assert _found(MACHINE_PATH) == []


def test_no_file_names_a_package_registry() -> None:
    """Users decide where packages come from."""
    assert _found(REGISTRY) == []


def test_no_file_contains_a_mark_for_later() -> None:
    """Unfinished work is described in the changelog or not at all."""
    assert _found(MARK) == []


def test_the_root_contains_only_known_files_and_folders() -> None:
    """This finds files that a command left there by accident."""
    assert {name.split("/")[0] for name in tracked()} - IN_THE_ROOT == set()


def _found(pattern: re.Pattern[str]) -> list[str]:
    """Return every match as `file:line: match`."""
    return [
        f"{name}:{1 + text.count(NEWLINE, 0, match.start())}: {match[0]}"
        for name, text in _texts().items()
        for match in pattern.finditer(text)
    ]


@cache
def _texts() -> dict[str, str]:
    return {name: (ROOT / name).read_text(encoding="utf-8", errors="replace") for name in tracked()}
