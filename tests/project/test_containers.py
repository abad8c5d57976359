"""Holds Dockerfile, action and the page about them to what can be checked without running them."""

import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import yaml

from tests.project.blocks import read_blocks
from tests.project.tree import ROOT, not_ignored

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
    """What a Dockerfile says, without its comments."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [Line(*line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


DOCKERFILE: Final = instructions((ROOT / "Dockerfile").read_text(encoding="utf-8"))


def problems(lines: list[Line]) -> list[str]:
    """What is wrong with a Dockerfile, by the rules that matter here."""
    last = {line.word: line.rest for line in lines}
    stages = {
        line.rest.split()[-1] for line in lines if line.word == "FROM" and " AS " in line.rest
    }
    bases = [line.rest.split()[0] for line in lines if line.word == "FROM"]
    return [
        *(f"{base} is not pinned" for base in bases if not _is_pinned(base, stages)),
        *(f"{line.word} takes what COPY says plainly" for line in lines if line.word == "ADD"),
        *(
            f"{word} is in shell form, and would hear of no signal"
            for word in ("ENTRYPOINT", "CMD")
            if not EXEC_FORM.fullmatch(last.get(word, ""))
        ),
        *_unsafe(lines, last),
    ]


def _is_pinned(base: str, stages: set[str]) -> bool:
    _, _, tag = base.partition(":")
    return base in stages or bool(re.match(r"[0-9]+\.[0-9]+", tag))


def _unsafe(lines: list[Line], last: dict[str, str]) -> list[str]:
    words = [line.word for line in lines]
    health = last.get("HEALTHCHECK", "").partition("CMD ")[2]
    checks = {
        "the user is no number, so that nobody can tell it from root": re.fullmatch(
            r"[1-9][0-9]*:[1-9][0-9]*", last.get("USER", "")
        ),
        "something is run or copied as the last user": "USER" in words
        and not {"RUN", "COPY"} & set(words[words.index("USER") :]),
        "the check of its health is in shell form": EXEC_FORM.fullmatch(health),
        "it is not stopped by SIGTERM": last.get("STOPSIGNAL") == "SIGTERM",
        "a working directory is relative": all(
            line.rest.startswith("/") for line in lines if line.word == "WORKDIR"
        ),
        "what pip has cached stays in the image": all(
            "--no-cache-dir" in line.rest for line in lines if "pip install" in line.rest
        ),
    }
    return [problem for problem, is_well in checks.items() if not is_well]


def test_the_dockerfile_keeps_the_rules() -> None:
    """Pinned, without root, in exec form, with a health check."""
    assert problems(DOCKERFILE) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("FROM python:3.13-slim-bookworm", "FROM python"),
        ("FROM python:3.13-slim-bookworm", "FROM python:latest"),
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
def test_the_rules_see_what_they_forbid(old: str, new: str) -> None:
    """Each breach of one is found."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert old in text
    assert problems(instructions(text.replace(old, new))) != []


def test_the_image_is_made_of_what_is_sent() -> None:
    """The context has what is copied, and only that; the package needs no other file."""
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
    built = {"pyproject.toml", "README.md", "LICENSE", "sandbox", "schemas", "scenarios", "docs"}
    assert copied == built  # what pyproject.toml names: the wheel's test builds it of these


def test_the_base_has_the_python_that_is_compiled_for() -> None:
    """The path of the standard library names the version of the base image."""
    (version,) = {line.rest.split()[0] for line in DOCKERFILE if line.word == "FROM"}
    number = version.removeprefix("python:").partition("-")[0]
    (compiled,) = [line.rest for line in DOCKERFILE if "compileall" in line.rest]
    assert f'"/usr/local/lib/python{number}"' in compiled


@pytest.mark.parametrize("name", YAML)
def test_the_pages_yaml_is_well_formed(name: str) -> None:
    """Each block is a file with a name."""
    assert isinstance(yaml.safe_load(YAML[name]), dict)


def workflow(name: str) -> dict[str, Any]:
    """A workflow of the page."""
    found = yaml.safe_load(YAML[name])
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", ["workflow.yaml", "service.yaml"])
def test_workflows_are_safe_to_copy(name: str) -> None:
    """No permission that is not asked for, and actions of others by their commit."""
    flow = workflow(name)
    assert flow["permissions"] == {}
    uses = [
        step["uses"] for job in flow["jobs"].values() for step in job["steps"] if "uses" in step
    ]
    others = [each for each in uses if not each.startswith("example/")]
    assert [each for each in others if not PINNED.fullmatch(each)] == []


def test_the_page_gives_the_action_what_it_takes() -> None:
    """Its inputs are described, and each step names its shell."""
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    steps = workflow("workflow.yaml")["jobs"]["test"]["steps"]
    (given,) = [step["with"] for step in steps if "payments-sandbox@" in step.get("uses", "")]

    assert set(given) <= set(action["inputs"]) == {"version", "options"}
    assert action["runs"]["using"] == "composite"
    assert all(step["shell"] == "bash" for step in action["runs"]["steps"])
    # What users give never becomes part of a script's text.
    assert [step for step in action["runs"]["steps"] if "${{" in step["run"]] == []
    for part in (*action["inputs"].values(), *action["outputs"].values()):
        assert part["description"].endswith(".")


def test_the_actions_script_is_there() -> None:
    """It can be run, as git keeps it."""
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    (step,) = action["runs"]["steps"]
    script = Path(step["run"].strip('"').replace("$GITHUB_ACTION_PATH", str(ROOT)))
    assert script.stat().st_mode & 0o111
    assert any(fnmatch(name, script.relative_to(ROOT).as_posix()) for name in not_ignored())
