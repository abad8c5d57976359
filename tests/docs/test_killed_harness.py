"""A killed test harness leaves no server, in each language with a helper."""

import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.project.tree import ROOT
from tests.support.process import ended_with_block, environment

CLIENTS: Final = ROOT / "clients"
JUNIT: Final = Path("/usr/share/java")
PATIENCE: Final = 120
"""Seconds that a compiler may take, and the end of a server."""


class Harness(NamedTuple):
    """A program that creates a world on its own server, prints the address, and keeps running.

    Attributes:
        needs: the programs that it requires.
        helper: the file or folder of `clients` that is copied next to it.
        file: its name.
        code: the program.
        command: runs it.
        prepare: commands to run first.
    """

    needs: Sequence[str]
    helper: str
    file: str
    code: str
    command: Sequence[str]
    prepare: Sequence[str] = ()


HARNESSES: Final = {
    "node": Harness(
        ["node"],
        "js",
        "harness.js",
        "require('./js').createWorld().then(({ baseUrl }) => console.log(baseUrl))\n"
        "setInterval(() => {}, 1000)\n",
        ["node", "harness.js"],
    ),
    "ruby": Harness(
        ["ruby"],
        "ruby/sandbox.rb",
        "harness.rb",
        'require_relative "sandbox"\nputs Sandbox::World.new.base_url\n$stdout.flush\nsleep\n',
        ["ruby", "harness.rb"],
    ),
    "php": Harness(
        ["php"],
        "php/Sandbox.php",
        "harness.php",
        "<?php require 'Sandbox.php'; echo (new Sandbox())->baseUrl, \"\\n\"; sleep(3600);\n",
        ["php", "harness.php"],
    ),
    "java": Harness(
        ["javac", "java"],
        "java/Sandbox.java",
        "Harness.java",
        "class Harness {\n  public static void main(String[] given) throws Exception {\n"
        '    System.out.println(Sandbox.world("{}").baseUrl);\n'
        "    Thread.sleep(Long.MAX_VALUE);\n  }\n}\n",
        ["java", "-cp", f"{JUNIT}/*:.", "Harness"],
        [f"javac -cp '{JUNIT}/*' *.java"],
    ),
    "go": Harness(
        ["go"],
        "go/sandbox.go",
        "harness_test.go",
        'package sandbox\n\nimport (\n\t"fmt"\n\t"testing"\n)\n\n'
        "func TestHarness(t *testing.T) {\n\tfmt.Println(New(t, nil).BaseURL)\n\tselect {}\n}\n",
        ["./harness", "-test.run", "TestHarness"],
        ["go mod init example.com/sandbox", "go test -c -o harness"],
    ),
}


def started(harness: Harness, folder: Path) -> subprocess.Popen[str]:
    """Start the harness, or skip the test naming the missing programs."""
    absent = [name for name in harness.needs if shutil.which(name) is None]
    if "java" in harness.needs and not list(JUNIT.glob("junit-jupiter-*.jar")):
        absent.append("junit5")
    if absent:
        pytest.skip(f"there is no {' and no '.join(absent)}")
    source, target = CLIENTS / harness.helper, folder / Path(harness.helper).name
    (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    (folder / harness.file).write_text(harness.code, encoding="utf-8")
    variables = environment(GOPROXY="off")
    for command in harness.prepare:
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=folder,
            env=variables,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return subprocess.Popen(
        harness.command, cwd=folder, env=variables, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("language", HARNESSES)
def test_killing_a_test_harness_stops_its_server(language: str, tmp_path: Path) -> None:
    """The kernel closes the pipe on which the server waits."""
    harness = started(HARNESSES[language], tmp_path)
    with ended_with_block(harness):
        assert harness.stdout is not None
        where = urlsplit(harness.stdout.readline().strip())
        with socket.create_connection((where.hostname, where.port)) as connection:
            harness.kill()
            connection.settimeout(PATIENCE)
            assert connection.recv(1) == b""

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((where.hostname, where.port)).close()
