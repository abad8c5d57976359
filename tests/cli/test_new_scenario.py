"""`payments-sandbox schema` and `scenario new`: what an editor works with."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from payments_sandbox.cli.commands.new_scenario import SCHEMA_URL, new_scenario
from payments_sandbox.core.resources import data_files
from payments_sandbox.scenarios.loader import load
from payments_sandbox.scenarios.scenario_schema import accepts
from tests.support.process import documented_example, environment_name, run

SERVER: Final = shutil.which("yaml-language-server")
"""From the npm package of the same name; most machines do not have it."""


def test_schema_prints_the_shipped_scenario_schema() -> None:
    assert run("schema").stdout == data_files("schemas")["scenario.schema.json"]


def test_a_new_scenario_passes_the_check_and_names_the_schema_url(tmp_path: Path) -> None:
    made = run("scenario", "new", "lost-reply", cwd=tmp_path)
    console, *shown = documented_example("payments-sandbox scenario new")
    assert console == "$ payments-sandbox scenario new lost-reply"
    assert (made.returncode, made.stdout.splitlines(), made.stderr) == (0, shown, "")

    first = (tmp_path / "lost-reply.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == f"# yaml-language-server: $schema={SCHEMA_URL}"
    checked = run("scenario", "check", "lost-reply.yaml", cwd=tmp_path)
    assert checked.stdout == "no problems in 1 file\n"


def test_commented_out_parts_of_a_new_scenario_are_valid() -> None:
    """They are valid once the `#` is removed."""
    lines = new_scenario("mine", SCHEMA_URL).splitlines()
    hidden = [line for line in lines if line.startswith("    ") and line.lstrip()[0] == "#"]
    shown = [line.replace("# ", "", 1) if line in hidden else line for line in lines]

    loaded = load("\n".join(shown), name="mine", longest_wait=5_000)
    assert (len(hidden), loaded.problems, loaded.scenario is None) == (5, (), False)


def test_scenario_new_does_not_overwrite_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("precious", encoding="utf-8")
    refused = run("scenario", "new", "mine.yaml", cwd=tmp_path)

    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        "payments-sandbox: mine.yaml already exists, and was not changed;"
        " choose another name, or move the file.\n"
    )
    assert (tmp_path / "mine.yaml").read_text(encoding="utf-8") == "precious"


def test_a_dangling_link_and_an_overlong_name_are_reported(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").symlink_to(tmp_path / "no" / "mine.yaml")
    refused = run("scenario", "new", "mine", cwd=tmp_path)

    assert (refused.returncode, refused.stdout) == (2, "")
    assert "mine.yaml already exists" in refused.stderr
    named = run("scenario", "new", "n" * 300, cwd=tmp_path)
    assert named.returncode == 1
    assert named.stderr.endswith("File name too long.\n")


def test_a_scenario_that_cannot_be_written_leaves_no_file(tmp_path: Path) -> None:
    """Otherwise the next try would say that it is there."""
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))"
    refused = run("scenario", "new", "mine", cwd=tmp_path, first=full)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "payments-sandbox: cannot write mine.yaml: File too large.\n"
    assert list(tmp_path.iterdir()) == []


def test_the_schema_may_be_a_relative_path(tmp_path: Path) -> None:
    variables = {environment_name("--schema"): "scenario.schema.json"}
    run("scenario", "new", "mine", cwd=tmp_path, extra=variables)

    text = (tmp_path / "mine.yaml").read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=scenario.schema.json\n")


def test_an_invalid_scenario_name_exits_2(tmp_path: Path) -> None:
    refused = run("scenario", "new", "../mine", cwd=tmp_path)

    assert (refused.returncode, list(tmp_path.iterdir())) == (2, [])
    assert refused.stderr.splitlines()[-1] == (
        "payments-sandbox scenario new: error: argument NAME: expected a name such as lost-reply"
    )


def test_an_empty_schema_option_exits_2(tmp_path: Path) -> None:
    refused = run("scenario", "new", "mine", "--schema", "", cwd=tmp_path)

    assert (refused.returncode, list(tmp_path.iterdir())) == (2, [])
    assert refused.stderr.splitlines()[-1] == (
        "payments-sandbox scenario new: error: argument --schema: expected text that is not empty"
    )


def test_every_library_scenario_is_valid_against_the_schema() -> None:
    for file in data_files("scenarios").iterdir():
        if file.name.endswith(".yaml"):
            assert accepts(yaml.safe_load(file.text)), file.name


class _LanguageServer:
    """The YAML language server of editors, over its stdin and stdout."""

    def __init__(self, process: "subprocess.Popen[bytes]", folder: Path) -> None:
        self._process = process
        self._number = 0
        self.ask("initialize", {"processId": None, "rootUri": folder.as_uri(), "capabilities": {}})
        self._send({"method": "initialized", "params": {}})

    def open(self, file: Path, text: str) -> list[str]:
        """Open a text as that file, and return the server's diagnostics."""
        document = {"uri": file.as_uri(), "languageId": "yaml", "version": 1, "text": text}
        self._send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        published = self._receive(lambda each: "diagnostics" in each.get("params", {}))
        return [each["message"] for each in published["params"]["diagnostics"]]

    def complete(self, file: Path, line: int, character: int) -> list[str]:
        """Return the completions at a position."""
        place = {"line": line, "character": character}
        where = {"textDocument": {"uri": file.as_uri()}, "position": place}
        return [each["label"] for each in self.ask("textDocument/completion", where)["items"]]

    def ask(self, method: str, params: object) -> Any:  # noqa: ANN401 - JSON
        """Send a request, and return its result."""
        self._number += 1
        number = self._number
        self._send({"id": number, "method": method, "params": params})
        return self._receive(lambda each: each.get("id") == number and "result" in each)["result"]

    def _send(self, message: dict[str, object]) -> None:
        raw = json.dumps({"jsonrpc": "2.0"} | message).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(raw) + raw)
        self._process.stdin.flush()

    def _receive(self, is_wanted: Any) -> Any:  # noqa: ANN401 - JSON
        assert self._process.stdout is not None
        while True:
            length = int(self._process.stdout.readline().partition(b":")[2])
            self._process.stdout.readline()
            message = json.loads(self._process.stdout.read(length))
            if is_wanted(message):
                return message
            if "method" in message and "id" in message:  # a request for its configuration
                self._send({"id": message["id"], "result": [None] * 9})


@pytest.fixture
def editor(tmp_path: Path) -> Iterator[_LanguageServer]:
    """Return the language server, or skip the test if it is not installed."""
    if SERVER is None:
        pytest.skip("yaml-language-server is not installed")
    command = [SERVER, "--stdio"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield _LanguageServer(process, tmp_path)
        process.kill()


def test_an_editor_with_the_schema_completes_keys_and_marks_mistakes(
    editor: _LanguageServer, tmp_path: Path
) -> None:
    (tmp_path / "s.json").write_text(run("schema").stdout, encoding="utf-8")
    text = new_scenario("mine", "s.json")
    assert editor.open(tmp_path / "mine.yaml", text) == []
    slip = text.replace("request: create_payment", "request: create_paymnt")
    assert editor.open(tmp_path / "slip.yaml", slip) != []
    editor.open(tmp_path / "empty.yaml", text.splitlines()[0] + "\n\n")
    assert {"rules", "expect", "given"} <= set(editor.complete(tmp_path / "empty.yaml", 1, 0))
