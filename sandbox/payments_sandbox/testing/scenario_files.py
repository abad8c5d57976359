"""Owns how tests refer to scenarios: by a name that the server knows, or by a file."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

ENDINGS: Final = (".yaml", ".yml", ".json")


def find_scenario(name: str, folders: Sequence[Path], *, beside: Path | None = None) -> Path | str:
    """Return the file of a scenario, or the name itself if only the server can know it.

    Args:
        name: a name; it is a path if it has an extension or a slash.
        folders: folders with scenarios, of which the first that has the name counts.
        beside: the folder that a relative path starts from; the current one by default.

    Raises:
        UnknownScenario: the name is a path, and the file does not exist.
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
