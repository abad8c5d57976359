"""`payments-sandbox prove`: a scenario fails on the old revision and passes on the new one."""

import json
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.support.process import run
from tests.support.programs import SEND
from tests.support.values import documented_create

PAY: Final = f"""
{SEND}
def ask(method, body=b""):
    send(method, os.environ["PAYMENTS_BASE_URL"] + "/payments", body)

def pay():
    ask("POST", {json.dumps(documented_create()).encode()!r})

try:
    pay()
except OSError:
    LOST
"""
SCENARIO: Final = """
scenario: lost
rules: [{request: create_payment, do: [{drop: {commit: true, how: reset}}]}]
expect: [{payments: {status: completed}, total: 2500}]
"""
CLIENT: Final = ("python3", "-I", "-S", "pay.py")


class Repository:
    """A repository with a naive client, and a scenario that is not committed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._git("init", "--quiet")
        self.write("pay()")
        self._git("add", "pay.py")
        self._git("commit", "--quiet", "-m", "Pay")
        (folder / "lost.yaml").write_text(SCENARIO)

    def write(self, when_lost: str) -> None:
        """Write a client that does this when its reply is lost."""
        (self.folder / "pay.py").write_text(PAY.replace("LOST", when_lost))

    def prove(self, *options: str, words: tuple[str, ...] = CLIENT) -> tuple[int, str, str]:
        """Run `prove`, and return its exit code, stdout and stderr."""
        done = run("prove", *options, "--", *words, cwd=self.folder, is_process=True)
        assert not list((self.folder / ".git").glob("worktrees/*"))
        return done.returncode, done.stdout, done.stderr

    def _git(self, *words: str) -> None:
        identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
        subprocess.run(["git", *identity, *words], cwd=self.folder, check=True)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_a_repair_is_proved_against_the_last_commit(repository: Repository) -> None:
    """The calls of both revisions are shown side by side."""
    repository.write('ask("GET")')

    code, output, errors = repository.prove("lost.yaml")

    assert (code, errors) == (0, "")
    lines = output.splitlines()
    assert lines[0].split() == ["HEAD", lines[0].split()[1], "the", "current", "tree"]
    assert lines[1].startswith("fails: an expectation is not met:")
    assert lines[1].endswith("passes: exit status 0")
    assert lines[-1].startswith("Proved: it fails on HEAD (")
    assert "list_payments: 200" in output


def test_a_change_that_repairs_nothing_exits_1(repository: Repository) -> None:
    repository.write("pay()  # surely")

    code, output, _ = repository.prove("lost.yaml")

    assert code == 1
    assert "\nNot proved: it fails on both: on the current tree an expectation" in output


def test_against_accepts_an_earlier_report_instead_of_a_revision(repository: Repository) -> None:
    finding = {"name": "lost", "verdict": "double_charge", "happened": ["create_payment: 201"]}
    report = {"format": 1, "seed": 0, "findings": [finding]}
    (repository.folder / "report.json").write_text(json.dumps(report))
    repository.write('ask("GET")')

    code, output, _ = repository.prove("lost.yaml", "--against", "report.json")

    assert code == 0
    assert "\nfails: double_charge " in output
    assert "it fails on report.json, and" in output

    report["command"] = "python other.py"
    (repository.folder / "report.json").write_text(json.dumps(report))
    code, output, _ = repository.prove("lost.yaml", "--against", "report.json")
    assert code == 0
    assert "it fails on report.json (python other.py), and passes" in output


@pytest.mark.parametrize(
    ("options", "words", "code", "problem"),
    [
        ((), CLIENT, 2, "argument SCENARIO: expected a name or a file"),
        (("lost.yaml", "--timeout", "0s"), CLIENT, 2, "--timeout: expected 1ms or more, such as"),
        (("lost.yaml",), (), 2, "argument COMMAND: expected a command after `--`"),
        (("lost.yml",), CLIENT, 2, "argument SCENARIO: expected the name of a scenario"),
        (("lost-replies",), CLIENT, 2, "SCENARIO: there is no scenario 'lost-replies'"),
        (
            ("lost.yaml", "--against", "v9"),
            CLIENT,
            2,
            "there is no revision 'v9'; git log lists them",
        ),
        (("lost.yaml",), ("./new.sh",), 127, "cannot run ./new.sh on HEAD ("),
        (("lost.yaml", "--against", "lost.yaml"), CLIENT, 2, "expected a report written by"),
    ],
    ids=[
        "no scenario",
        "timeout of 0s",
        "no command",
        "unknown file",
        "unknown scenario",
        "unknown revision",
        "no such program",
        "not a report",
    ],
)
def test_invalid_arguments_are_rejected_with_the_reason(
    options: tuple[str, ...],
    words: tuple[str, ...],
    code: int,
    problem: str,
    repository: Repository,
) -> None:
    found, output, errors = repository.prove(*options, words=words)

    assert (found, output) == (code, "")
    assert problem in errors.splitlines()[-1]
