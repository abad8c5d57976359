"""Owns how a test names a scenario: by a file of the team's, by the library's name, by a path."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Final

SUFFIXES: Final = (".yaml", ".yml", ".json")


class UnknownScenario(ValueError):
    """No scenario is called so; the text says which was meant, or where was looked."""


def shipped() -> list[str]:
    """The names of the library that comes with the package."""
    from sandbox.resources import root

    names = (entry.name for entry in root("scenarios").iterdir())
    return sorted(name.rpartition(".")[0] for name in names if name.endswith(SUFFIXES))


def find_scenario(
    name: str,
    folders: Sequence[Path],
    library: Callable[[], Iterable[str]] = shipped,
    *,
    beside: Path | None = None,
) -> Path | str:
    """The file that a name means, or the name itself where the library has it.

    Args:
        name: a name, or a path where it has a suffix or a slash.
        folders: where the team's scenarios are; the first that has the name wins.
        library: the names that the server knows by itself; asked only if needed.
        beside: what a relative path starts from; else the current folder.

    Raises:
        UnknownScenario: there is no such file, and the library has no such name.
    """
    if name.endswith(SUFFIXES) or "/" in name:
        file = (beside or Path()) / name
        if not file.is_file():
            raise UnknownScenario(f"scenario {name!r}: there is no file {file}.")
        return file
    for folder in folders:
        for suffix in SUFFIXES:
            if (file := folder / f"{name}{suffix}").is_file():
                return file
    names = list(library())
    if name in names:
        return name
    known = sorted({*names, *(file.stem for file in _files(folders))})
    close = get_close_matches(name, known, 1)
    looked = ", ".join(["the library", *map(str, folders)])
    hint = f"did you mean {close[0]!r}?" if close else f"looked in {looked}."
    raise UnknownScenario(f"scenario {name!r} is not known; {hint}")


def _files(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from (file for file in folder.iterdir() if file.name.endswith(SUFFIXES))
