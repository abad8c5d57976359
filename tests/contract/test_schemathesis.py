"""Schemathesis as a judge: every check in every phase, on the document and on a narrower one.

OpenAPI cannot say "a card number that is one" or "an id that this world has", so on the published
document most generated payments are rightly refused, and 400 has to be allowed. The narrowed copy
is made of values that cannot be refused for what they mean; on it a create has to succeed, and the
links from one operation to the next lead somewhere.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import settings

from payments_sandbox.core.settings import Settings
from tests.project.tree import ROOT
from tests.support.process import environment
from tests.support.sockets import RunningServer, exchange, raw_request, running_server

Document = dict[str, Any]

CLOCK: Final = "2031-01-01T00:00:00Z"
"""A turn of the year: every month of 2031 lies ahead, and none of 2030."""

LINKS: Final = re.compile(r"API Links: +(?P<covered>\d+) covered / (?P<selected>\d+) selected")
OPTIONS: Final = (
    f"--max-examples={settings().max_examples // 10}",
    "--generation-deterministic",
    "--checks=all",
    "--max-response-time=30",
    "--report=json",
    "--no-color",
)
OF_NIGHTS: Final = ("coverage",) * (settings().max_examples > 50)
"""Hundreds of cases that are much like those of the published document."""

STRICT: Final = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "404", "429"]

[checks.negative_data_rejection]
expected-statuses = ["400", "401", "404", "405", "413", "429"]

[[operations]]
include-name = "POST /payments/{payment_id}/refunds"  # nothing is left of the payment
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "401", "404", "429"]
"""


@pytest.fixture
def server() -> Iterator[RunningServer]:
    """A server for one run, without payments of earlier ones."""
    with running_server(Settings(port=0, clock=CLOCK, seed=7, rate_limit=1_000_000_000)) as running:
        yield running


@pytest.fixture
def document(server: RunningServer) -> Document:
    """The document that the server publishes, without `default`, which allows any status."""
    host = server.address.removeprefix("http://")
    raw = raw_request("GET", "/_sandbox/openapi.json", {"Host": host})
    published: Document = exchange(server.address, raw).json
    for methods in published["paths"].values():
        for operation in methods.values():
            del operation["responses"]["default"]
    return published


def narrowed(document: Document) -> Document:
    """The document, restricted to values that are never rejected for what they mean."""
    schemas, path = document["components"]["schemas"], document["paths"]["/payments"]
    card = schemas["Card"]["properties"]
    card["card_number"] = {"type": "string", "enum": ["4111111111111111", "5555555555554444"]}
    card["exp_year"] = {"type": "integer", "minimum": 2031, "maximum": 2099}
    card["cvc"] = {"type": "string", "pattern": "^[0-9]{3}$"}
    del schemas["NewPayment"]["properties"]["customer_id"]
    del schemas["NewPayment"]["examples"]
    content = path["post"]["requestBody"]["content"]["application/json"]
    del content["examples"]["example_1"]["value"]["customer_id"]
    kept = [each for each in path["get"]["parameters"] if each["name"] in ("limit", "status")]
    path["get"]["parameters"] = kept
    return document


def judge(document: Document, config: Path, folder: Path, *options: str) -> tuple[Document, str]:
    """Run Schemathesis on a document; return its report and its output."""
    (folder / "openapi.json").write_text(json.dumps(document))
    report = folder / "report.json"
    printed = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", f"--config-file={config}", "run"),
            *("openapi.json", *OPTIONS, f"--report-json-path={report}"),
            f"--url={document['servers'][0]['url']}",
            "--header=Authorization: Bearer sk_test_schemathesis",
            *options,
        ],
        cwd=folder,
        env=environment(HYPOTHESIS_STORAGE_DIRECTORY=str(ROOT / ".hypothesis")),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    ).stdout
    assert report.exists(), printed
    found: Document = json.loads(report.read_text())
    return found, printed


def assert_satisfied(report: Document, printed: str, phases: tuple[str, ...], cases: int) -> None:
    """Assert that all operations pass each phase, with at least so many cases and no failures."""
    assert (report["failures"], report["errors"]) == ([], []), printed
    assert (report["exit_code"], report["complete"]) == (0, True), printed
    assert report["operations"]["tested"] == 4
    statuses = {name: phase["status"] for name, phase in report["phases"].items()}
    assert {name for name in statuses if statuses[name] != "skip"} == set(phases)
    assert {statuses[name] for name in phases} == {"success"}
    assert report["test_cases"]["generated"] >= cases


def test_schemathesis_finds_no_failures_with_the_published_document(
    document: Document, tmp_path: Path
) -> None:
    """With the repository's configuration, which anybody can run."""
    phases = ("examples", "coverage", "fuzzing")  # links lead somewhere in the narrowed one
    option = f"--phases={','.join(phases)}"
    report, printed = judge(document, ROOT / "schemathesis.toml", tmp_path, option)

    assert_satisfied(report, printed, phases, 400)


def test_schemathesis_creates_and_follows_links_on_the_narrowed_document(
    document: Document, tmp_path: Path
) -> None:
    """Every create succeeds, and every link is followed."""
    config = tmp_path / "strict.toml"
    config.write_text(STRICT)
    phases = ("examples", *OF_NIGHTS, "fuzzing", "stateful")
    option = f"--phases={','.join(phases)}"
    report, printed = judge(narrowed(document), config, tmp_path, option)

    assert_satisfied(report, printed, phases, 50)
    for phase in ("examples", *OF_NIGHTS, "fuzzing"):
        rates = report["valid_rates"]["POST /payments"][phase]
        assert (rates["accepted"] > 0, rates["rejected"]) == (True, 0)
    links = LINKS.search(printed)
    assert links is not None
    assert int(links["covered"]) == int(links["selected"]) >= 3


def test_schemathesis_reports_a_response_that_breaks_its_schema(
    document: Document, tmp_path: Path
) -> None:
    """The schema of an amount is made wrong, so the run has to fail."""
    schemas = document["components"]["schemas"]
    schemas["CreatedPayment"]["properties"]["amount"] = {"type": "string"}
    config = ROOT / "schemathesis.toml"
    report, printed = judge(document, config, tmp_path, "--phases=examples")

    assert report["exit_code"] == 1, printed
    assert [(each["title"], each["operations"]) for each in report["failures"]] == [
        ("Response violates schema", ["POST /payments"])
    ]
