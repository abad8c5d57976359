"""Owns the library: scenarios by name, in the folder that is shipped and in folders of users."""

from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from importlib.resources.abc import Traversable
from typing import Final

from sandbox.scenario.loader import Loaded, load

ENDINGS: Final = (".yaml", ".yml", ".json")

Folders = Callable[[], Sequence[Traversable]]
"""Finds the folders; of one name that is in several, the last one counts."""


class UnknownScenario(LookupError):
    """No folder has a scenario of this name; the text says which was meant, or what there is."""


class Library:
    """The scenarios of some folders, read whenever they are asked for, as they may have changed."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders

    def names(self) -> list[str]:
        """What there is, in the order of the names."""
        return sorted(self._files())

    def text(self, name: str) -> str:
        """What the file of a scenario says.

        Raises:
            UnknownScenario: there is none.
        """
        files = self._files()
        if name not in files:
            raise UnknownScenario(_meant(name, list(files)))
        return files[name].read_bytes().decode("utf-8", "replace")

    def load(self, name: str) -> Loaded:
        """The scenario of a name, or what is wrong with it.

        Raises:
            UnknownScenario: there is none.
        """
        return load(self.text(name), name=name)

    def __iter__(self) -> Iterator[Loaded]:
        return (self.load(name) for name in self.names())

    def _files(self) -> dict[str, Traversable]:
        found: dict[str, Traversable] = {}
        for folder in self._folders():
            for entry in sorted(folder.iterdir(), key=lambda each: each.name):
                stem, _, ending = entry.name.rpartition(".")
                if stem and f".{ending}" in ENDINGS and entry.is_file():
                    found[stem] = entry
        return found


def _meant(name: str, known: Sequence[str]) -> str:
    start = f"there is no scenario '{name[:80]}'"
    if close := get_close_matches(name, known, 1, 0.6):
        return f"{start}; did you mean '{close[0]}'?"
    return f"{start}; there are {', '.join(sorted(known)) or 'none'}"
