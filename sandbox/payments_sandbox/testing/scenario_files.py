"""Owns how a test names a scenario: by a name that the server knows, or by a file of its own."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

ENDINGS: Final = (".yaml", ".yml", ".json")


def find_scenario(name: str, folders: Sequence[Path], *, beside: Path | None = None) -> Path | str:
    """The file that a name means, or the name itself where it is the server's to know.

    Args:
        name: a name, or a path where it has an ending or a slash.
        folders: where the team's scenarios are; the first one that has the name counts.
        beside: what a relative path starts from; else the current folder.

    Raises:
        UnknownScenario: it is a path, and there is no such file.
    """
    if name.endswith(ENDINGS) or "/" in name:
        file = (beside or Path()) / name
        if not file.is_file():
            from payments_sandbox.scenarios.library import UnknownScenario

            raise UnknownScenario(f"there is no file {file}")
        return file
    files = [folder / f"{name}{ending}" for folder in folders for ending in ENDINGS]
    return next((file for file in files if file.is_file()), name)


def names_in(folders: Iterable[Path]) -> list[str]:
    """The names of the scenarios in some folders."""
    files = (file for folder in folders for file in folder.iterdir())
    return [file.stem for file in files if file.suffix in ENDINGS]


def shipped() -> list[str]:
    """The names of the library that comes with the package."""
    from payments_sandbox.core.resources import data_files
    from payments_sandbox.scenarios.library import Library

    return Library([], [data_files("scenarios")]).names()
