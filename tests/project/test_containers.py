"""Checks of Dockerfile, action and their page that do not need to run them."""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import yaml
from packaging.requirements import Requirement

from tests.project.blocks import read_blocks
from tests.project.tree import ROOT, not_ignored
from tests.support.tables import for_each

BASE: Final = "FROM python:3.13.15-slim-trixie@sha256:"
PAGE: Final = ROOT / "docs" / "how-to" / "containers-and-ci.md"
YAML: Final = {
    PAGE.read_text(encoding="utf-8").splitlines()[block.line - 1].split()[1]: block.code
    for block in read_blocks(PAGE)
    if block.language == "yaml"
}
EXEC_FORM: Final = re.compile(r'\["[^"]+"(, "[^"]+")*\]$')
PINNED: Final = re.compile(r"[\w./-]+@[0-9a-f]{40}$")


class Line(NamedTuple):
    """One instruction of a Dockerfile, with its continued lines joined."""

    word: str
    rest: str


def instructions(text: str) -> list[Line]:
    """Return the instructions of a Dockerfile, without comments."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [Line(*line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


DOCKERFILE: Final = instructions((ROOT / "Dockerfile").read_text(encoding="utf-8"))


def problems(lines: list[Line]) -> list[str]:
    """Return the violations of the rules in a Dockerfile."""
    last = {line.word: line.rest for line in lines}
    stages = {
        line.rest.split()[-1] for line in lines if line.word == "FROM" and " AS " in line.rest
    }
    bases = [line.rest.split()[0] for line in lines if line.word == "FROM"]
    return [
        *(f"{base} is not pinned" for base in bases if not _is_pinned(base, stages)),
        *(f"{line.word} is used instead of COPY" for line in lines if line.word == "ADD"),
        *(
            f"{word} is in shell form, and would not get signals"
            for word in ("ENTRYPOINT", "CMD")
            if not EXEC_FORM.fullmatch(last.get(word, ""))
        ),
        *_unsafe(lines, last),
    ]


def _is_pinned(base: str, stages: set[str]) -> bool:
    is_whole = re.fullmatch(r"[\w./-]+:\d+\.\d+\.\d+\S*@sha256:[0-9a-f]{64}", base)
    return base in stages or is_whole is not None


def _unsafe(lines: list[Line], last: dict[str, str]) -> list[str]:
    words = [line.word for line in lines]
    health = last.get("HEALTHCHECK", "").partition("CMD ")[2]
    checks = {
        "the user is not a number other than that of root": re.fullmatch(
            r"[1-9][0-9]*:[1-9][0-9]*", last.get("USER", "")
        ),
        "RUN or COPY comes after USER": "USER" in words
        and not {"RUN", "COPY"} & set(words[words.index("USER") :]),
        "the health check is in shell form": EXEC_FORM.fullmatch(health),
        "it is not stopped by SIGTERM": last.get("STOPSIGNAL") == "SIGTERM",
        "a working directory is relative": all(
            line.rest.startswith("/") for line in lines if line.word == "WORKDIR"
        ),
        "the cache of pip stays in the image": all(
            "--no-cache-dir" in line.rest for line in lines if re.search(r"\bpip ", line.rest)
        ),
        "downloads are not verified by hashes": all(
            {"--require-hashes", "--no-deps"} & set(line.rest.split())
            for line in lines
            if re.search(r"\bpip ", line.rest)
        ),
        "the health check runs too often": "--interval=5m" in last.get("HEALTHCHECK", ""),
    }
    return [problem for problem, is_well in checks.items() if not is_well]


def test_the_dockerfile_follows_the_rules() -> None:
    """It has pinned images, no root user, exec form, and a health check."""
    assert problems(DOCKERFILE) == []


@for_each(
    ("old", "new"),
    [
        (BASE, "FROM python:3.13.15-slim-trixie AS "),
        (BASE, "FROM python:latest@sha256:"),
        (" --require-hashes", ""),
        ("--interval=5m", "--interval=2s"),
        ("COPY sandbox", "ADD sandbox"),
        ('ENTRYPOINT ["payments-sandbox"]', "ENTRYPOINT payments-sandbox"),
        ('CMD ["serve"]', ""),
        ("USER 65532:65532", "USER sandbox"),
        ("USER 65532:65532", "USER 0:0"),
        ("USER 65532:65532", ""),
        ("EXPOSE 8080", "RUN true"),
        ('CMD ["payments-sandbox", "healthcheck"]', "CMD payments-sandbox healthcheck"),
        ("STOPSIGNAL SIGTERM", ""),
        ("WORKDIR /src", "WORKDIR src"),
        (" --no-cache-dir", ""),
    ],
)
def test_each_violation_of_the_dockerfile_rules_is_found(old: str, new: str) -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert old in text
    assert problems(instructions(text.replace(old, new))) != []


def test_the_docker_context_contains_exactly_what_is_copied() -> None:
    """The package needs no other file."""
    copied = {
        source.removeprefix("./")
        for line in DOCKERFILE
        if line.word == "COPY" and not line.rest.startswith("--from")
        for source in line.rest.split()[:-1]
    }
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sent = {line[1:] for line in lines if line.startswith("!")}

    assert sent == copied
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert lines[1] == "*"
    built = {"pyproject.toml", "hatch_build.py", "README.md", "LICENSE"}
    built |= {"sandbox", "schemas", "scenarios", "docs"}
    # pyproject.toml names these files; the wheel's test builds from them.
    assert copied == {*built, "image-requirements.txt"}


def test_the_compiled_python_version_is_that_of_the_base_image() -> None:
    """The path of the standard library contains the version."""
    bases = {line.rest.split()[0] for line in DOCKERFILE if line.word == "FROM"} - {"base"}
    [number] = {base.removeprefix("python:").rpartition(".")[0] for base in bases}
    compiled = [
        match[0]
        for line in DOCKERFILE
        if "compileall" in line.rest
        for match in re.finditer(r"/lib/python(\d+\.\d+)", line.rest)
    ]
    assert set(compiled) == {f"/lib/python{number}"}


def test_image_requirements_lock_every_dependency_of_the_package() -> None:
    """The versions fit the package and have hashes; `make lock` writes the file."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["fast"], *extras["cluster"]]
    text = (ROOT / "image-requirements.txt").read_text(encoding="utf-8")
    locked = dict(
        re.findall(r"^([\w.-]+)==(\S+)(?: ; .+)? \\\n +--hash=sha256:", text, re.MULTILINE)
    )

    for requirement in map(Requirement, wanted):
        assert locked[requirement.name] in requirement.specifier


@for_each("name", YAML)
def test_every_yaml_file_of_the_page_is_well_formed(name: str) -> None:
    assert isinstance(yaml.safe_load(YAML[name]), dict)


SCHEMAS: Final = {
    "github-workflows": ["workflow.yaml", "service.yaml"],
    "compose-spec": ["compose.yaml", "compose.host.yaml"],
    "gitlab-ci": ["gitlab-ci.yml"],
}
"""The JSON Schema of each file of the page; there is no small one for Kubernetes."""


def test_every_yaml_file_of_the_page_except_job_yaml_has_a_schema() -> None:
    """A new file needs a schema."""
    assert {name for names in SCHEMAS.values() for name in names} == set(YAML) - {"job.yaml"}


@pytest.mark.parametrize(("schema", "names"), SCHEMAS.items(), ids=SCHEMAS)
def test_every_yaml_file_of_the_page_is_valid_against_its_schema(
    schema: str, names: list[str], tmp_path: Path
) -> None:
    tool = shutil.which("check-jsonschema", path=str(Path(sys.executable).parent))
    if tool is None:
        pytest.skip("there is no check-jsonschema in this environment; the extra [dev] has it")
    for name in names:
        (tmp_path / name).write_text(YAML[name], encoding="utf-8")
    command = [tool, "--builtin-schema", f"vendor.{schema}", *names]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def workflow(name: str) -> dict[str, Any]:
    """Return a workflow of the page."""
    found = yaml.safe_load(YAML[name])
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", ["workflow.yaml", "service.yaml"])
def test_workflows_of_the_page_have_no_permissions_and_pin_actions(name: str) -> None:
    """Actions of others are pinned by commit."""
    flow = workflow(name)
    assert flow["permissions"] == {}
    uses = [
        step["uses"] for job in flow["jobs"].values() for step in job["steps"] if "uses" in step
    ]
    others = [each for each in uses if not each.startswith("payments-sandbox/")]
    assert [each for each in others if not PINNED.fullmatch(each)] == []


def test_the_page_uses_only_inputs_of_the_action() -> None:
    """Inputs and outputs have descriptions, and each script step names its shell."""
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    steps = workflow("workflow.yaml")["jobs"]["test"]["steps"]
    (given,) = [step["with"] for step in steps if "payments-sandbox@" in step.get("uses", "")]

    assert set(given) <= set(action["inputs"]) == {"version", "options"}
    assert action["runs"]["using"] == "composite"
    scripts = [step for step in action["runs"]["steps"] if "run" in step]
    assert all(step["shell"] == "bash" for step in scripts)
    # Input of users must never become part of a script.
    assert [step for step in scripts if "${{" in step["run"]] == []
    for part in (*action["inputs"].values(), *action["outputs"].values()):
        assert part["description"].endswith(".")


def test_the_script_of_the_action_is_under_version_control() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    [run] = [step["run"] for step in action["runs"]["steps"] if "run" in step]
    _, script = shlex.split(run)
    path = Path(script.replace("$GITHUB_ACTION_PATH", str(ROOT)))
    assert path.is_file()
    assert any(fnmatch(name, path.relative_to(ROOT).as_posix()) for name in not_ignored())
