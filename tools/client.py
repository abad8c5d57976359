"""Owns `python -m tools.client`: it writes what is made of the schemas and of the async client."""

import subprocess
import sys
from pathlib import Path
from typing import Final

from tools import shapes, unasync

ROOT: Final = Path(__file__).resolve().parents[1]


def generated() -> dict[str, str]:
    """The text of every generated module as it should be, by its path below the root."""
    texts = {**shapes.modules(), **unasync.modules(ROOT)}
    return {path: _tidy(path, text) for path, text in texts.items()}


def _tidy(path: str, text: str) -> str:
    """Sort the imports, drop those that nothing needs, and format."""
    name = f"--stdin-filename={path}"
    for command in (("check", "--fix-only", "--quiet", "--select=I,F401"), ("format", "--quiet")):
        done = subprocess.run(  # noqa: S603 - our own formatter
            [sys.executable, "-m", "ruff", *command, name, "-"],
            cwd=ROOT,
            input=text,
            capture_output=True,
            text=True,
            check=True,
        )
        text = done.stdout
    return text


def main() -> None:
    """Write them all."""
    for path, text in generated().items():
        (ROOT / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
