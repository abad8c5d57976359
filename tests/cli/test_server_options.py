"""The options of a server, reproduced as words of a command line."""

import argparse
from collections.abc import Sequence

import pytest

from payments_sandbox.cli.options import CommandOptions
from payments_sandbox.cli.server_options import add_settings, settings_words


def read(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_settings(CommandOptions(parser), port=0)
    return parser.parse_args(words)


@pytest.mark.parametrize(
    "words",
    [
        ["--seed", "0"],
        ["--seed", "7", "--max-wall-delay", "0ms"],
        ["--seed", "7", "--rate-limit", "1", "--max-wall-delay", "3s"],
        ["--seed", "7", "--clock", "2030-01-15T09:00:00Z"],
        ["--seed", "7", "--webhook-targets", "public", "--lenient"],
        ["--seed", "7", "--allow-host", "a.test", "--cors", "http://localhost:5173"],
        ["--seed", "7", "--webhook", "inbox:a", "--webhook", "inbox:b"],
    ],
    ids=" ".join,
)
def test_given_options_are_reproduced_including_zero_values(words: list[str]) -> None:
    assert list(settings_words(read(words))) == words


def test_omitted_options_are_not_reproduced() -> None:
    assert list(settings_words(read(["--seed", "7"]))) == ["--seed", "7"]


def test_the_port_is_not_reproduced() -> None:
    assert list(settings_words(read(["--port", "9000", "--seed", "7"]))) == ["--seed", "7"]
