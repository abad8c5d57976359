"""Releases: consistent versions, and a safe workflow."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

import payments_sandbox
from tests.project.tree import ROOT
from tools.release import notes, problems

WORKFLOW: Final = ROOT / ".github" / "workflows" / "release.yml"
PINNED: Final = re.compile(r"[\w./-]+@[0-9a-f]{40}$")
CHANGELOG: Final = "# Changelog\n\n## Unreleased\n\n## 1.2.0 – 2026-11-30\n\nIt is.\n\n## 1.1.0\n"


def project(folder: Path, *, version: str = "1.2.0", js: str = "1.2.0") -> Path:
    """Create the files that a release check reads."""
    package = folder / "sandbox" / "payments_sandbox"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(f'__version__ = "{version}"\n')
    (folder / "clients" / "js").mkdir(parents=True)
    (folder / "clients" / "js" / "package.json").write_text(json.dumps({"version": js}))
    (folder / "CHANGELOG.md").write_text(CHANGELOG, encoding="utf-8")
    return folder


def test_consistent_versions_have_no_problems_and_release_notes(tmp_path: Path) -> None:
    assert problems("v1.2.0", project(tmp_path)) == []
    assert notes("1.2.0", tmp_path) == "It is.\n"


@pytest.mark.parametrize(
    ("tag", "version", "js", "said"),
    [
        ("v1.2.1", "1.2.0", "1.2.0", "the tag v1.2.1 is not v1.2.0, the version of the package"),
        ("1.2.0", "1.2.0", "1.2.0", "the tag 1.2.0 is not v1.2.0, the version of the package"),
        ("v1.2.0", "1.2.0", "1.1.9", "clients/js/package.json has version 1.1.9, not 1.2.0"),
        ("v1.1.0", "1.1.0", "1.1.0", "CHANGELOG.md has no section '## 1.1.0 – DATE'"),
    ],
)
def test_an_inconsistent_version_is_reported(
    tmp_path: Path, tag: str, version: str, js: str, said: str
) -> None:
    assert problems(tag, project(tmp_path, version=version, js=js)) == [said]


def test_the_python_and_javascript_packages_have_the_same_version() -> None:
    package = json.loads((ROOT / "clients" / "js" / "package.json").read_text(encoding="utf-8"))

    assert package["version"] == payments_sandbox.__version__


def test_examples_in_pages_and_schemas_show_the_current_version() -> None:
    examples = [
        (path.name, version)
        for folder in ("docs", "schemas")
        for path in (ROOT / folder).rglob("*.*")
        if path.suffix in {".md", ".json"}
        for version in re.findall(r'"version": "(\d[^"]*)"', path.read_text(encoding="utf-8"))
    ]

    assert len(examples) > 3
    assert {version for _, version in examples} == {payments_sandbox.__version__}, examples


def test_pages_name_image_and_action_of_the_current_version() -> None:
    named = re.compile(r"payments-sandbox/payments-sandbox[:@]v([\d.]+)")
    pages = [path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md")]

    assert {each for page in pages for each in named.findall(page)} == {
        payments_sandbox.__version__
    }


def jobs() -> dict[str, Any]:
    """Return the jobs of the workflow."""
    return dict(yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"])


def test_every_github_action_is_pinned_by_commit() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    steps = [*action["runs"]["steps"], *(step for job in jobs().values() for step in job["steps"])]
    used = [step["uses"] for step in steps if "uses" in step]

    assert len(used) > 10
    assert [each for each in used if not PINNED.fullmatch(each)] == []


def test_release_jobs_run_in_the_order_check_build_image_publish() -> None:
    needed = {name: job.get("needs") for name, job in jobs().items()}

    assert needed == {
        "check": None,
        "build": "check",
        "image": "build",
        "pypi": "image",
        "npm": "image",
        "release": ["pypi", "npm"],
    }
    assert all(jobs()[name]["environment"] == name for name in ("image", "pypi", "npm"))


def test_no_workflow_script_contains_an_expression() -> None:
    """The name of a tag must never become part of a script."""
    scripts = [step["run"] for job in jobs().values() for step in job["steps"] if "run" in step]

    assert [script for script in scripts if "${{" in script] == []


@pytest.mark.parametrize(
    "command",
    [
        ["zizmor", "--offline", "--quiet", "--pedantic", ".github", "action.yml"],
        ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(WORKFLOW)],
        ["check-jsonschema", "--builtin-schema", "vendor.github-actions", "action.yml"],
        ["hadolint", "Dockerfile"],
    ],
    ids=["zizmor", "workflow", "action", "hadolint"],
)
def test_linters_of_workflows_and_dockerfile_find_nothing(command: list[str]) -> None:
    name, *arguments = command
    tool = shutil.which(name, path=str(Path(sys.executable).parent))
    if tool is None:
        pytest.skip(f"there is no {name} in this environment; the extra [dev] has it")
    done = subprocess.run([tool, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
