"""Owns the list of the project's files, in a git checkout and without git."""

import ast
import os
import shutil
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGE: Final = ROOT / "sandbox" / "payments_sandbox"
IN_GIT: Final = (ROOT / ".git").exists() and shutil.which("git") is not None


def tracked() -> list[str]:
    """Return paths under version control, relative to the root, or not ignored without git."""
    return _git("ls-files", "-z") if IN_GIT else sorted(_walk())


def not_ignored() -> list[str]:
    """Return paths that git does not ignore, committed or not, relative to the root."""
    if not IN_GIT:
        return sorted(_walk())
    return _git("ls-files", "-z", "--cached", "--others", "--exclude-standard")


def modules() -> list[Path]:
    """Return every module of the package."""
    return sorted(PACKAGE.rglob("*.py"))


@cache
def parsed(module: Path) -> ast.Module:
    """Return the syntax tree of a module, cached because many tests read all of them."""
    return ast.parse(module.read_text(encoding="utf-8"), filename=str(module))


def _git(*arguments: str) -> list[str]:
    listed = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    return sorted({name for name in listed if name and (ROOT / name).is_file()})


def _walk() -> Iterator[str]:
    """Yield the files of the folder without git, using the plain patterns of `.gitignore`."""
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    ignored = [*(line.rstrip("/") for line in lines), ".git"]
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not _matches(name, ignored)]
        for name in names:
            if not _matches(name, ignored):
                yield Path(folder, name).relative_to(ROOT).as_posix()


def _matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)
