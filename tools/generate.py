"""Owns `make generate`: it writes what comes from the families, the routes and the schemas.

A test compares every generated text with what would be written now.
"""

import subprocess
import sys
from pathlib import Path
from typing import Final

from tools import (
    agent_texts,
    client_methods,
    client_models,
    documentation,
    magic_cards,
    scenario_schema,
    settings_keywords,
    typescript_client,
    verification_families,
)

ROOT: Final = Path(__file__).resolve().parents[1]


class Texts(dict[str, str]):
    """The texts made so far, by path; any other path is read from its file."""

    def __missing__(self, path: str) -> str:
        return (ROOT / path).read_text(encoding="utf-8")


def schemas() -> Texts:
    """Make the text of every generated schema, by its path below the root."""
    texts = Texts()
    texts.update(scenario_schema.texts(texts))
    texts.update(verification_families.schemas(texts))
    return texts


def generated() -> dict[str, str]:
    """Make the text of every generated file, by its path below the root."""
    modules = {
        **client_models.modules(),
        **client_methods.modules(),
        **settings_keywords.modules(),
    }
    code = {path: _formatted(path, text) for path, text in modules.items()}
    texts = schemas()
    texts.update(magic_cards.texts(texts))
    texts.update(documentation.pages(texts))
    texts.update(typescript_client.modules(texts))
    texts.update(agent_texts.texts(texts))
    return {**texts, **code}


def _formatted(path: str, text: str) -> str:
    """Sort the imports of a module, drop unused ones, and format it."""
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
    """Write all texts: the schemas first, since clients and pages are made from their files."""
    for make in (schemas, generated):
        for path, text in make().items():
            (ROOT / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
