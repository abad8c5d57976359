"""Owns where the data folders are found: in an installed package, a zip, or a checkout."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

Kind = Literal["schemas", "scenarios"]


def root(kind: Kind) -> "Traversable":
    """The folder of that kind; read from it with `read_text`, for it may be inside a zip.

    Raises:
        FileNotFoundError: the folder is neither shipped with the package nor beside it.
    """
    package = Path(__file__).resolve().parent.parent
    shipped = package / "_data" / kind
    if shipped.is_dir():
        return shipped
    project = package.parent.parent  # of a checkout, where the package is in `sandbox/`
    folder = project / kind
    # A stranger's folder of the same name, beside some site-packages, is not ours.
    if project.joinpath("pyproject.toml").is_file() and folder.is_dir():
        return folder
    from importlib.resources import files  # noqa: PLC0415 - it brings zipfile, and few need it

    zipped = files("payments_sandbox").joinpath("_data", kind)
    if zipped.is_dir():
        return zipped
    raise FileNotFoundError(f"The {kind} folder is neither shipped with the package nor beside it.")
