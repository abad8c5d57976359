"""Owns the data files that the package ships: where they are, and their texts, read once.

The texts stay in memory because a test in the same process may replace the file system, as pyfakefs
does.
"""

import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

DataKind = Literal["schemas", "scenarios", "docs", "dashboard"]

_IN_PACKAGE: Final = {"dashboard": ("server", "dashboard_files")}
"""Folders that are in the package even in a checkout; all others are shipped in `_data`."""


class PackageFile(NamedTuple):
    """A file of a data folder, with the methods of a path that its readers use.

    Attributes:
        path: its path, to be shown.
        text: its content.
    """

    path: str
    text: str

    @property
    def name(self) -> str:
        """The last part of the path."""
        return Path(self.path).name

    def is_file(self) -> bool:
        """Return True: there are no folders among them."""
        return True

    def read_bytes(self) -> bytes:
        """The text in UTF-8."""
        return self.text.encode()

    def __str__(self) -> str:
        return self.path


class PackageFiles(Mapping[str, str]):
    """The texts of a data folder by their relative paths, each read at its first use."""

    def __init__(self, folder: "Traversable") -> None:
        self._folder = folder
        self._texts: dict[str, str] = {}
        self._names: list[str] = []

    def __getitem__(self, name: str) -> str:
        if name not in self._texts:
            file = self._folder.joinpath(name)
            if not file.is_file():
                raise KeyError(name)
            self._texts[name] = file.read_text(encoding="utf-8")
        return self._texts[name]

    def __iter__(self) -> Iterator[str]:
        self._names = self._names or sorted(_files_below(self._folder, ""))
        return iter(self._names)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def iterdir(self) -> Iterator[PackageFile]:
        """Yield every file, in order of the names."""
        return (PackageFile(str(self._folder.joinpath(name)), self[name]) for name in self)


@cache
def data_files(kind: DataKind) -> PackageFiles:
    """Return the files of one kind, always the same object.

    Raises:
        FileNotFoundError: the folder is neither in the package nor next to it.
    """
    return PackageFiles(_data_folder(kind))


def read_all_data() -> None:
    """Read everything that a server needs, while the file system is still the real one.

    Raises:
        FileNotFoundError: a folder is neither in the package nor next to it.
    """
    for kind in ("schemas", "scenarios", "dashboard"):
        dict(data_files(kind))


def _data_folder(kind: DataKind) -> "Traversable":
    """The folder of one kind: in an installed package, a zip file or a checkout."""
    package = Path(__file__).resolve().parent.parent
    place = _IN_PACKAGE.get(kind, ("_data", kind))
    shipped = package.joinpath(*place)
    if shipped.is_dir():
        return shipped
    project = package.parent.parent  # in a checkout the package is in `sandbox/`
    folder = project / kind
    # A folder of the same name next to some site-packages is not ours.
    if project.joinpath("pyproject.toml").is_file() and folder.is_dir():
        return folder
    from importlib.resources import files  # noqa: PLC0415 - it imports zipfile, and few need it

    zipped = files("payments_sandbox").joinpath(*place)
    if zipped.is_dir():
        return zipped
    missing = f"The {kind} folder is missing: it is neither in the package nor next to it."
    if "pyfakefs" in sys.modules:
        missing += " pyfakefs has replaced the file system; start the sandbox before that."
    raise FileNotFoundError(missing)


def _files_below(folder: "Traversable", prefix: str) -> Iterator[str]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _files_below(entry, f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}"
