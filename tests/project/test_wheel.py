"""The exact contents of the wheel and the source distribution."""

import re
import subprocess
import sys
import tarfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from typing import Final

import pytest

import payments_sandbox
from tests.project.tree import ROOT, not_ignored

# Folders of the project and their place in the wheel.
SHIPPED: Final = {
    "sandbox/payments_sandbox/": "payments_sandbox/",
    "schemas/": "payments_sandbox/_data/schemas/",
    "scenarios/": "payments_sandbox/_data/scenarios/",
    "docs/": "payments_sandbox/_data/docs/",
}
LEFT_OUT: Final = ("docs/adr/", "docs/images/")
"""Folders that an installed sandbox does not need."""


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build wheel and source distribution, and return their folder."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return folder


@pytest.fixture
def wheel(dist: Path) -> zipfile.Path:
    """Return the root of the wheel."""
    [path] = dist.glob("*.whl")
    return zipfile.Path(path)


def test_the_wheel_contains_exactly_the_package_and_its_data(wheel: zipfile.Path) -> None:
    """It has the package, schemas, scenarios and pages, without ignored files."""
    names = wheel.root.namelist()
    shipped = {name for name in names if ".dist-info/" not in name and not name.endswith("/")}

    assert shipped == {
        new + name.removeprefix(old)
        for name in not_ignored()
        for old, new in SHIPPED.items()
        if name.startswith(old) and not name.startswith(LEFT_OUT)
    }


def test_the_wheel_contains_every_schema(wheel: zipfile.Path) -> None:
    """An installed sandbox reads the schemas from the package."""
    schemas = [path.relative_to(ROOT) for path in (ROOT / "schemas").rglob("*.json")]

    assert schemas
    assert [
        path
        for path in schemas
        if not (wheel / "payments_sandbox/_data" / path.as_posix()).exists()
    ] == []


def test_the_wheel_has_py_typed_the_license_and_the_command(wheel: zipfile.Path) -> None:
    """Installers and type checkers look for them there."""
    info = wheel / f"payments_sandbox-{payments_sandbox.__version__}.dist-info"

    assert (wheel / "payments_sandbox" / "py.typed").exists()
    assert (info / "licenses" / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert "payments-sandbox = payments_sandbox.cli:main" in (info / "entry_points.txt").read_text()


def test_the_wheel_has_complete_metadata(wheel: zipfile.Path) -> None:
    """The version is that of the package."""
    info = wheel / f"payments_sandbox-{payments_sandbox.__version__}.dist-info"
    metadata = HeaderParser().parsestr((info / "METADATA").read_text())

    assert metadata["Name"] == "payments-sandbox"
    assert metadata["Version"] == payments_sandbox.__version__
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    urls = dict(url.split(", ") for url in metadata.get_all("Project-URL", []))
    assert list(urls) == ["Homepage", "Documentation", "Changelog", "Issues"]
    files = [url.partition("/blob/main/")[2] for url in urls.values()]
    assert [file for file in files if file and not (ROOT / file).is_file()] == []


def test_links_in_the_readme_of_the_metadata_are_absolute(wheel: zipfile.Path) -> None:
    """A package index shows the README without the other files."""
    info = wheel / f"payments_sandbox-{payments_sandbox.__version__}.dist-info"
    readme = HeaderParser().parsestr((info / "METADATA").read_text(encoding="utf-8")).get_payload()
    repository = "https://github.com/payments-sandbox/payments-sandbox"
    version = payments_sandbox.__version__

    assert isinstance(readme, str)
    assert readme.startswith("# payments-sandbox\n")
    links = re.findall(r"\]\(([^)]+)\)", readme)
    assert [link for link in links if not re.match(r"https://|#", link)] == []
    assert f"{repository}/raw/v{version}/docs/images/dashboard-now.webp" in links
    assert f"{repository}/blob/v{version}/docs/webhooks.md" in links


def test_the_source_distribution_contains_exactly_the_files_under_version_control(
    dist: Path,
) -> None:
    """The package can be built and tested from it."""
    [path] = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}

    assert names - {"PKG-INFO"} <= set(not_ignored())
    assert names >= {name for name in not_ignored() if not name.startswith(".")}
