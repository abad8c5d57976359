"""Owns the checks before a tag is released: everything released must have the tag's version.

    python -m tools.release v0.2.0 --notes notes.md

It uses only the standard library, since it runs before anything is installed.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]

_VERSION: Final = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)
_SECTION: Final = re.compile(
    r"^## (?P<version>\S+) – \d{4}-\d{2}-\d{2}\n(?P<text>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL
)


def problems(tag: str, root: Path = ROOT) -> list[str]:
    """List what prevents a tag from being released."""
    module = root / "sandbox" / "payments_sandbox" / "__init__.py"
    [version] = _VERSION.findall(module.read_text(encoding="utf-8"))
    package = json.loads((root / "clients" / "js" / "package.json").read_text(encoding="utf-8"))
    checks = {
        f"the tag {tag} is not v{version}, the version of the package": tag == f"v{version}",
        f"clients/js/package.json has version {package['version']}, not {version}": (
            package["version"] == version
        ),
        f"CHANGELOG.md has no section '## {version} – DATE'": notes(version, root) is not None,
    }
    return [problem for problem, is_well in checks.items() if not is_well]


def notes(version: str, root: Path = ROOT) -> str | None:
    """The changelog's section of a version that has a date; None if there is none."""
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    for section in _SECTION.finditer(text):
        if section["version"] == version:
            return section["text"].strip() + "\n"
    return None


def main() -> int:
    """Check a tag, and write its notes if asked to; return 1 if there are problems."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tag", help="such as v0.2.0")
    parser.add_argument("--notes", type=Path, metavar="FILE", help="where to write its changelog")
    arguments = parser.parse_args()
    if found := problems(arguments.tag):
        print(*found, sep="\n", file=sys.stderr)
        return 1
    if arguments.notes:
        arguments.notes.write_text(notes(arguments.tag[1:]) or "", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
