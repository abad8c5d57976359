"""Tests that data folders are found in an installed package, in a zip and in a checkout."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

import pytest

from payments_sandbox.contract.schema_files import schema_files
from payments_sandbox.contract.schemas import Contract
from payments_sandbox.core.resources import PackageFile, data_files, read_all_data
from payments_sandbox.scenarios.library import Library
from tests.project.tree import PACKAGE, ROOT

COUNT: Final = (
    "from payments_sandbox.contract.schema_files import schema_files; print(len(schema_files()))"
)


def _run(path: Path, program: str) -> subprocess.CompletedProcess[str]:
    """Run the program, isolated, with `path` as the only place to import the package from."""
    code = f"import sys; sys.path.insert(0, {str(path)!r}); {program}"
    return subprocess.run(
        [sys.executable, "-I", "-c", code],
        cwd=path.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def _install(folder: Path, *, data: bool) -> Path:
    """Copy the package as a wheel unpacks it."""
    site = folder / "site"
    shutil.copytree(PACKAGE, site / "payments_sandbox")
    if data:
        shutil.copytree(ROOT / "schemas", site / "payments_sandbox" / "_data" / "schemas")
    return site


def test_a_checkout_reads_its_own_data_folder() -> None:
    assert "objects/amount.json" in data_files("schemas")
    assert "objects/amount" in schema_files()


def test_an_installed_package_reads_the_data_it_ships(tmp_path: Path) -> None:
    done = _run(_install(tmp_path, data=True), COUNT)

    assert done.stdout.strip() == str(len(schema_files())), done.stderr


def test_a_zipped_package_reads_the_data_it_ships(tmp_path: Path) -> None:
    """No file is opened by its path."""
    site = _install(tmp_path, data=True)
    archive = tmp_path / "wheel.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(site.rglob("*")):
            packed.write(path, path.relative_to(site))

    done = _run(archive, COUNT)

    assert done.stdout.strip() == str(len(schema_files())), done.stderr


def test_a_schemas_folder_next_to_the_package_is_ignored_without_our_project_file(
    tmp_path: Path,
) -> None:
    site = _install(tmp_path, data=False)
    shutil.copytree(ROOT / "schemas", site / "schemas")

    done = _run(site, COUNT)

    assert (
        "The schemas folder is missing: it is neither in the package nor next to it." in done.stderr
    )


def test_data_files_are_listed_by_their_path_below_the_folder() -> None:
    files = data_files("schemas")

    assert len(files) == len(set(files)) > 10
    assert "scenario.schema.json" in files


def test_backup_files_of_an_editor_in_the_schemas_folder_are_ignored(tmp_path: Path) -> None:
    site = _install(tmp_path, data=True)
    site.joinpath("payments_sandbox", "_data", "schemas", "notes.json~").write_text("no schema")

    assert _run(site, COUNT).stdout.strip() == str(len(schema_files()))


def test_a_missing_data_folder_is_named_in_the_error() -> None:
    with pytest.raises(FileNotFoundError, match="The nonsense folder"):
        data_files("nonsense")


def test_data_that_was_read_is_available_without_the_file_system(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A test may replace it with pyfakefs; a server reads all data when it starts."""
    read_all_data()
    for method in ("read_text", "read_bytes", "open", "is_file", "is_dir", "iterdir"):
        monkeypatch.setattr(Path, method, lambda *_, **__: pytest.fail("a file is looked for"))
    contract = Contract(schema_files())  # not read yet
    library = Library([], [data_files("scenarios")])

    assert [name for name in contract.schemas if not contract.schema(name)] == []
    assert [loaded.problems for loaded in library] == [()] * len(library.names())


def test_a_missing_data_file_raises_key_error() -> None:
    with pytest.raises(KeyError):
        data_files("schemas")["nothing.json"]


def test_a_package_file_has_the_name_bytes_and_text_of_a_path() -> None:
    file = PackageFile("folder/é.yaml", "é")
    assert file.is_file() is True
    assert (file.name, file.read_bytes(), str(file)) == ("é.yaml", "é".encode(), "folder/é.yaml")
