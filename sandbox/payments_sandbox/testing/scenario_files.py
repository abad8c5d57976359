"""Owns how a test names a scenario: by a name that the server knows, or by a file of its own."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from payments_sandbox.core.suggestions import nearest

ENDINGS: Final = (".yaml", ".yml", ".json")


class UnknownScenario(ValueError):
    """No scenario is called so; the text says which was meant, or what there is."""


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
            raise UnknownScenario(f"there is no file {file}")
        return file
    files = [folder / f"{name}{ending}" for folder in folders for ending in ENDINGS]
    return next((file for file in files if file.is_file()), name)


def check_name(name: str, known: Iterable[str]) -> None:
    """See that a scenario is known.

    Raises:
        UnknownScenario: it is not.
    """
    names = sorted(known)
    if name not in names:
        close = nearest(name, names)
        hint = f"did you mean {close!r}?" if close else f"there are {', '.join(names) or 'none'}"
        raise UnknownScenario(f"there is no scenario {name!r}; {hint}")


def names_in(folders: Iterable[Path]) -> list[str]:
    """The names of the scenarios in some folders."""
    files = (file for folder in folders for file in folder.iterdir())
    return [file.stem for file in files if file.suffix in ENDINGS]


def shipped() -> list[str]:
    """The names of the library that comes with the package."""
    from payments_sandbox.core.resources import root
    from payments_sandbox.scenarios.library import Library

    return Library([], [root("scenarios")]).names()
