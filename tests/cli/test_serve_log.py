"""The log of `serve` and `run`: requests and webhooks as text or JSON, and the summary."""

import json
import re
import signal
import subprocess
from typing import Any, Final

import pytest

from tests.project.blocks import read_blocks
from tests.project.tree import ROOT
from tests.support.process import RemoteWorld, python, run, serve_process, started
from tests.support.programs import ASK
from tests.support.terminal import terminal
from tests.support.values import LONGEST_WAIT, documented_create

PAGE: Final = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
CLOCK: Final = "2030-01-15T10:30:00Z"
DROPPED: Final = "4000009900000061"
DECLINED: Final = "4000000000009995"
PAY: Final = f"{ASK}pay({documented_create()!r})"


def busy(world: RemoteWorld) -> None:
    """Make payments that succeed, fail or are lost, webhooks, and a request with a rejected key."""
    world.control("POST", "/webhook_endpoints", {"url": "inbox:mine"})
    world.control("POST", "/webhook_endpoints", {"url": "http://127.0.0.1:9/hooks"})
    world.pay()
    world.pay(amount=0)
    world.pay(card_number=DECLINED)
    with pytest.raises(ConnectionResetError):
        world.pay(card_number=DROPPED)
    RemoteWorld(world.address, "sk_live_1").ask("GET", "/v3/payments")
    world.control("POST", "/clock/advance", {"by": "1h"})


def test_the_summary_on_a_terminal_matches_docs_cli_md() -> None:
    """It is printed on Ctrl-C, and counts all requests and webhooks."""
    with terminal(80, LONGEST_WAIT) as screen:
        words = ("serve", "--port", "0", "--clock", CLOCK, "--seed", "7")
        with started(words, stdout=screen.device, stderr=subprocess.DEVNULL) as process:
            said = screen.wait_for("Ctrl-C stops it", LONGEST_WAIT)
            address = re.findall(r"http://\S+(?=/v3)", said)[0]
            busy(RemoteWorld(address, "sk_test_sandbox"))
            process.send_signal(signal.SIGINT)
            assert process.wait(LONGEST_WAIT) == 0
        lines = screen.close(LONGEST_WAIT).splitlines()

    [shown] = [
        block.code.splitlines()
        for block in read_blocks(ROOT / "docs" / "cli.md")
        if block.code.startswith("requests  ")
    ]
    assert [line.rstrip() for line in lines[-5:]] == shown
    assert max(map(len, lines[7:])) <= 80


def test_the_json_log_has_documented_objects_and_a_final_summary() -> None:
    """Every field of every kind is named in docs/cli.md."""
    with serve_process("--clock", CLOCK, "--seed", "7", "--log", "json") as server:
        busy(RemoteWorld(server.address, "sk_test_sandbox"))
        server.stop()
        output, _ = server.rest()

    said: list[dict[str, Any]] = [json.loads(line) for line in output.splitlines()]
    assert said[-1] == {
        "kind": "summary",
        "requests": {"201": 1, "400": 2, "drop": 1},
        "turned_away": 1,
        "payments": {"completed": 1, "failed": 1},
        "events": 2,
        "webhooks": {"delivered": 2, "pending": 8},
        "worlds": 1,
        "worlds_gone": 0,
    }
    kinds = [each["kind"] for each in said]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "request": 4, "webhook": 10, "refusal": 1, "summary": 1,
    }  # fmt: skip
    section = PAGE.partition("### Lines of JSON")[2].partition("The log goes to stderr")[0]
    for each in said:
        assert [field for field in each if f"`{field}`" not in section] == []


def test_run_writes_the_json_log_to_stderr_without_a_summary() -> None:
    ended = run("run", "--log", "json", "--clock", CLOCK, "--", *python(PAY))

    assert (ended.returncode, ended.stdout) == (0, "")
    [line] = ended.stderr.splitlines()
    assert json.loads(line)["operation"] == "create_payment"


@pytest.mark.parametrize("value", ["json", "JSON"])
def test_the_log_format_can_be_set_by_an_environment_variable(value: str) -> None:
    extra = {"PAYMENTS_SANDBOX_LOG": value}
    ended = run("run", "--clock", CLOCK, "--", *python(PAY), extra=extra)
    assert json.loads(ended.stderr)["status"] == 201
