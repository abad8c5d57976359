"""`payments-sandbox completion`: the scripts contain every command and option."""

import shutil
import subprocess
from typing import Final

import pytest

from payments_sandbox.cli.commands.completion import words_by_place
from payments_sandbox.cli.main import COMMANDS, make_parser
from tests.support.process import options_of, run

BASH: Final = shutil.which("bash")
SHELLS: Final = ("bash", "zsh", "fish")
PLACES: Final = dict(words_by_place(make_parser(COMMANDS)))


@pytest.mark.parametrize("command", ["serve", "logs", "scenario new", "worlds reset"])
def test_every_option_in_help_can_be_completed(command: str) -> None:
    words = PLACES["".join(f"/{word}" for word in command.split())]
    names = {word.names[0] for word in words}
    assert names == options_of(command) | {"--help", "--no-color"}


def test_every_command_is_completed_after_its_parent() -> None:
    assert [word.names[0] for word in PLACES[""] if not word.is_option] == list(COMMANDS)
    for place in filter(None, PLACES):
        above, _, name = place.rpartition("/")
        assert name in [word.names[0] for word in PLACES[above]]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_and_option_is_in_the_script(shell: str) -> None:
    script = run("completion", shell).stdout
    written = script.replace("-l ", "--").replace("-s ", "-") if shell == "fish" else script

    for place, words in PLACES.items():
        assert place in script
        for word in words:
            assert [name for name in word.names if name not in written] == []
            assert shell == "bash" or word.about.split("'")[0] in script


@pytest.mark.parametrize("shell", SHELLS)
def test_installed_shells_parse_their_script(shell: str) -> None:
    if (found := shutil.which(shell)) is None:
        pytest.skip(f"{shell} is not installed")
    ended = subprocess.run(
        [found, "-n"], input=run("completion", shell).stdout, text=True, check=False
    )
    assert ended.returncode == 0


@pytest.mark.skipif(BASH is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("typed", "proposed"),
    [
        ("sc", "scenario schema"),
        ("scenario u", "use"),
        ("logs --st", "--status"),
        ("serve --port 80 --st", "--strict-keys --state"),
        ("clock freeze --a", "--at --api-key"),
        ("serve --scenario ", ""),
        ("run -- npm --", ""),
    ],
)
def test_bash_completes_commands_and_options(typed: str, proposed: str) -> None:
    words = ["payments-sandbox", *typed.split(" ")]
    quoted = " ".join(f"'{word}'" for word in words)
    asking = (
        f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _payments_sandbox;"
        ' echo "${COMPREPLY[*]}"'
    )
    script = run("completion", "bash").stdout + asking
    answered = subprocess.run(
        [str(BASH), "--norc"], input=script, text=True, capture_output=True, check=False
    )
    assert (answered.stdout.strip(), answered.stderr) == (proposed, "")


def test_an_unknown_shell_is_rejected_with_the_supported_ones() -> None:
    ended = run("completion", "tcsh")
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1] == (
        "payments-sandbox completion: error: argument SHELL: expected bash or zsh or fish"
    )
