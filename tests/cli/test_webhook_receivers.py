"""The receivers of docs/webhooks.md in each language, and the curl examples of that page."""

import json
import shutil
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from payments_sandbox.webhooks.signing import STANDARD, sign
from tests.project.blocks import below, read_blocks
from tests.project.tree import ROOT
from tests.support.process import ServeProcess, serve_process
from tests.support.values import LONGEST_WAIT

PAGE: Final = ROOT / "docs" / "webhooks.md"
USUAL: Final = "http://127.0.0.1:8080"
BUILD: Final = 55
"""Seconds that a compiler may take: Go builds its own library the first time."""

SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER: Final = f"whsec_{b64encode(b'another key of 32 bytes, no more').decode()}"
BODY: Final = '{"id":"evt_1","name":"Grüße"}'.encode()

Headers = Mapping[str, str]
Webhook = tuple[bytes, Headers]
Verify = Callable[[Sequence[Webhook]], list[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """How a code block of the page becomes a program.

    Attributes:
        heading: the heading above the block.
        needs: what has to be installed.
        file: the name of the program.
        program: the block with a main part. It gets the secret as its argument, and on stdin a
            line for each webhook, `id|timestamp|signature|body`, with the body in base64. It
            prints true or false for each.
        build: a command to run first.
        run: the command.
    """

    heading: str
    needs: tuple[str, ...]
    file: str
    program: Callable[[str], str]
    build: tuple[str, ...] = ()
    run: tuple[str, ...]


def _then(main: str) -> Callable[[str], str]:
    return lambda code: f"{code}\n{main}"


_PYTHON: Final = """
import base64, sys

for line in sys.stdin.buffer.read().decode().splitlines():
    id, sent_at, signature, body = line.split("|")
    headers = {"webhook-id": id, "webhook-timestamp": sent_at, "webhook-signature": signature}
    print(str(verify(base64.b64decode(body), headers, sys.argv[1])).lower())
"""
_NODE: Final = """
for (const line of require("node:fs").readFileSync(0, "utf-8").trimEnd().split("\\n")) {
  const [id, sentAt, signature, body] = line.split("|");
  const given = { "webhook-id": id, "webhook-timestamp": sentAt, "webhook-signature": signature };
  console.log(verify(Buffer.from(body, "base64"), given, process.argv[2]));
}
"""
_GO: Final = """
func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		given := strings.Split(lines.Text(), "|")
		header := http.Header{}
		header.Set("Webhook-Id", given[0])
		header.Set("Webhook-Timestamp", given[1])
		header.Set("Webhook-Signature", given[2])
		body, _ := base64.StdEncoding.DecodeString(given[3])
		fmt.Println(Verify(body, header, os.Args[1]))
	}
}
"""
_RUBY: Final = """
$stdin.set_encoding("UTF-8").each_line(chomp: true) do |line|
  *given, body = line.split("|")
  headers = %w[webhook-id webhook-timestamp webhook-signature].zip(given).to_h
  puts verify(body.unpack1("m0"), headers, ARGV[0])
end
"""
_JAVA: Final = """
final class Main {
    public static void main(String[] given) throws Exception {
        String lines = new String(System.in.readAllBytes(), StandardCharsets.UTF_8);
        for (String line : lines.split("\\n")) {
            String[] parts = line.split("[|]");
            Map<String, String> headers = Map.of("webhook-id", parts[0],
                "webhook-timestamp", parts[1], "webhook-signature", parts[2]);
            byte[] body = Base64.getDecoder().decode(parts[3]);
            System.out.println(Webhooks.verify(body, headers, given[0]));
        }
    }
}
"""
_PHP: Final = """
foreach (file('php://stdin', FILE_IGNORE_NEW_LINES) as $line) {
    [$id, $sentAt, $signature, $body] = explode('|', $line);
    $headers = ['webhook-id' => $id, 'webhook-timestamp' => $sentAt,
        'webhook-signature' => $signature];
    echo verify(base64_decode($body), $headers, $argv[1]) ? "true\\n" : "false\\n";
}
"""


def _go(code: str) -> str:
    code = code.replace("package webhooks", "package main", 1)
    return code.replace("import (", 'import (\n\t"bufio"\n\t"fmt"\n\t"os"', 1) + _GO


LANGUAGES: Final = (
    Language(
        heading="Python",
        needs=(sys.executable,),
        file="receiver.py",
        program=_then(_PYTHON),
        run=(sys.executable, "receiver.py"),
    ),
    Language(
        heading="Node",
        needs=("node",),
        file="receiver.js",
        program=_then(_NODE),
        run=("node", "receiver.js"),
    ),
    Language(
        heading="Go",
        needs=("go",),
        file="receiver.go",
        program=_go,
        build=("go", "build", "-o", "receiver", "receiver.go"),
        run=("./receiver",),
    ),
    Language(
        heading="Ruby",
        needs=("ruby",),
        file="receiver.rb",
        program=_then(_RUBY),
        run=("ruby", "receiver.rb"),
    ),
    Language(
        heading="Java",
        needs=("java", "javac"),
        file="Main.java",
        program=_then(_JAVA),
        build=("javac", "Main.java"),
        run=("java", "-cp", ".", "Main"),
    ),
    Language(
        heading="PHP",
        needs=("php",),
        file="receiver.php",
        program=_then(_PHP),
        run=("php", "receiver.php"),
    ),
)


@pytest.fixture(scope="module", params=LANGUAGES, ids=lambda language: language.heading)
def verify(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Verify:
    """Build the page's function in one language, or skip if the language is not installed."""
    language: Language = request.param
    if missing := [name for name in language.needs if shutil.which(name) is None]:
        pytest.skip(f"{missing[0]} is not installed")
    folder = tmp_path_factory.mktemp(language.heading)
    (block,) = below(language.heading, read_blocks(PAGE))
    (folder / language.file).write_text(language.program(block.code), encoding="utf-8")
    if language.build:
        _run(folder, language.build, b"", patience=BUILD)

    def verified(webhooks: Sequence[Webhook]) -> list[bool]:
        names = ("webhook-id", "webhook-timestamp", "webhook-signature")
        lines = [
            "|".join([*(headers.get(name, "") for name in names), b64encode(body).decode()])
            for body, headers in webhooks
        ]
        printed = _run(folder, (*language.run, SECRET), "\n".join(lines).encode() + b"\n")
        answers = {"true": True, "false": False}
        return [answers[each] for each in printed.splitlines()]

    return verified


def _run(
    folder: Path, command: tuple[str, ...], body: bytes, *, patience: float = LONGEST_WAIT
) -> str:
    done = subprocess.run(
        command, cwd=folder, input=body, capture_output=True, timeout=patience, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def signed(secret: str = SECRET, *, ago: int = 0) -> dict[str, str]:
    """Return the headers of a webhook that was signed some seconds ago."""
    now = time.time_ns() // 10**9  # noqa: TID251 - the programs read the real clock
    return sign(STANDARD, [secret], message="evt_1", sent_at=now - ago, body=BODY)


def test_genuine_webhooks_are_accepted_in_every_language(verify: Verify) -> None:
    """Several signatures are fine if one of them is valid."""
    headers = signed()
    good, other = headers["webhook-signature"], signed(OTHER)["webhook-signature"]
    several = headers | {"webhook-signature": f"v1a,AAAA {other} {good}"}
    genuine = [(BODY, headers), (BODY, several), (BODY, signed(ago=280))]
    assert verify(genuine) == [True] * len(genuine)


def test_forged_or_stale_webhooks_are_rejected_in_every_language(verify: Verify) -> None:
    """Each has one fault, and none makes the program crash."""
    headers = signed()
    good = headers["webhook-signature"]
    forged = [
        (BODY + b" ", headers),
        (BODY, signed(OTHER)),
        (BODY, signed(ago=360)),
        (BODY, signed(ago=-360)),
        (BODY, headers | {"webhook-id": "evt_2"}),
        (BODY, headers | {"webhook-timestamp": "soon"}),
        (BODY, headers | {"webhook-signature": good.replace("v1,", "v2,")}),
        (BODY, headers | {"webhook-signature": "grüße"}),
        (BODY, {}),
    ]
    assert verify(forged) == [False] * len(forged)


def test_every_language_of_the_page_is_tested() -> None:
    """A language that is added to the page needs a test here."""
    under = {block.heading for block in read_blocks(PAGE) if block.language not in ("sh", "json")}
    assert under == {language.heading for language in LANGUAGES}


def test_the_curl_examples_of_the_page_work() -> None:
    """They create an endpoint and a payment, and use the inbox; only the port differs."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    blocks = [block for block in read_blocks(PAGE) if block.language == "sh"]
    with serve_process("--clock", "2030-01-15T09:00:00Z") as server:
        endpoint, payment, inbox, script = (_shell(server, block.code) for block in blocks)

    assert endpoint["url"] == "inbox:orders"
    (message,) = inbox["data"]
    assert message["verified"]
    assert message["body"]["data"]["payment_id"] == payment["id"]
    assert script == {"name": "orders", "respond": [500, 500, 200]}


def _shell(server: ServeProcess, command: str) -> dict[str, Any]:
    assert USUAL in command
    command = command.replace(USUAL, server.address)
    printed = _run(ROOT, ("sh", "-c", command), b"")
    found: dict[str, Any] = json.loads(printed)
    return found
