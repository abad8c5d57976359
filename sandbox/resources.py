"""Owns where the data folders are found: in an installed package, a zip, or a checkout."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

Kind = Literal["schemas", "scenarios"]


def root(kind: Kind) -> Traversable:
    """The folder of that kind; read from it with `read_text`, for it may be inside a zip.

    Raises:
        FileNotFoundError: the folder is neither shipped with the package nor beside it.
    """
    shipped = files("sandbox").joinpath("_data", kind)
    if shipped.is_dir():
        return shipped
    project = Path(__file__).resolve().parents[1]
    folder = project / kind
    # A stranger's folder of the same name, beside some site-packages, is not ours.
    if project.joinpath("pyproject.toml").is_file() and folder.is_dir():
        return folder
    raise FileNotFoundError(f"The {kind} folder is neither shipped with the package nor beside it.")
