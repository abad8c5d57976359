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
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

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


PUBLISHED: Final = ("examples", "coverage", "fuzzing")
"""The phases on the published document; links lead somewhere in the narrowed one."""

NARROWED: Final = ("examples", *OF_NIGHTS, "fuzzing", "stateful")

AT_ONCE: Final = """
import json, os, sys
import schemathesis.cli
import schemathesis.cli.commands.run.executor
import schemathesis.engine.run.unit
import schemathesis.specs.openapi.schemas

children = []
for folder, sys.argv[1:] in json.load(sys.stdin):
    children.append(os.fork())
    if children[-1] == 0:
        os.chdir(folder)
        for stream in (1, 2):
            os.dup2(os.open("printed.txt", os.O_CREAT | os.O_WRONLY | os.O_APPEND), stream)
        schemathesis.cli.schemathesis()
for child in children:
    os.waitpid(child, 0)
"""
"""A program that runs Schemathesis several times at once: importing it takes longer than a run."""


class Judgement(NamedTuple):
    """What a run of Schemathesis says.

    Attributes:
        report: its report.
        printed: its output.
    """

    report: Document
    printed: str


class Judged(NamedTuple):
    """The runs that all tests look at.

    Attributes:
        published: on the published document, with the repository's configuration.
        narrowed: on the narrowed document, with the strict configuration.
        broken: on the published document with a wrong schema of an amount.
    """

    published: Judgement
    narrowed: Judgement
    broken: Judgement


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """Run Schemathesis, each time on a new server."""
    folder = tmp_path_factory.mktemp("judged")
    (strict := folder / "strict.toml").write_text(STRICT)
    usual = ROOT / "schemathesis.toml"
    with ExitStack() as servers:
        documents = [published(servers.enter_context(serving())) for _ in Judged._fields]
        broken = documents[2]["components"]["schemas"]["CreatedPayment"]
        broken["properties"]["amount"] = {"type": "string"}
        runs = [
            arguments(folder / "published", usual, documents[0], PUBLISHED),
            arguments(folder / "narrowed", strict, narrowed(documents[1]), NARROWED),
            arguments(folder / "broken", usual, documents[2], ("examples",)),
        ]
        subprocess.run(
            [sys.executable, "-c", AT_ONCE],
            input=json.dumps(runs),
            env=environment(HYPOTHESIS_STORAGE_DIRECTORY=str(ROOT / ".hypothesis")),
            text=True,
            check=True,
        )
    return Judged(*(judgement(folder / name) for name in Judged._fields))


def serving() -> AbstractContextManager[RunningServer]:
    """Return a server for one run, without payments of earlier ones."""
    return running_server(Settings(port=0, clock=CLOCK, seed=7, rate_limit=1_000_000_000))


def published(server: RunningServer) -> Document:
    """Return the document that a server publishes, without `default`, which allows any status."""
    host = server.address.removeprefix("http://")
    raw = raw_request("GET", "/_sandbox/openapi.json", {"Host": host})
    document: Document = exchange(server.address, raw).json
    for methods in document["paths"].values():
        for operation in methods.values():
            del operation["responses"]["default"]
    return document


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


def arguments(
    folder: Path, config: Path, document: Document, phases: Sequence[str]
) -> tuple[str, Sequence[str]]:
    """Write a document to a folder, and return both, the folder and the arguments of a run."""
    folder.mkdir()
    (folder / "openapi.json").write_text(json.dumps(document))
    return str(folder), [
        *(f"--config-file={config}", "run", "openapi.json", *OPTIONS),
        "--report-json-path=report.json",
        f"--url={document['servers'][0]['url']}",
        "--header=Authorization: Bearer sk_test_schemathesis",
        f"--phases={','.join(phases)}",
    ]


def judgement(folder: Path) -> Judgement:
    """Return what a run has written to its folder."""
    printed = (folder / "printed.txt").read_text(encoding="utf-8")
    assert (folder / "report.json").exists(), printed
    return Judgement(json.loads((folder / "report.json").read_text(encoding="utf-8")), printed)


def assert_satisfied(judgement: Judgement, phases: tuple[str, ...], cases: int) -> None:
    """Assert that all operations pass each phase, with at least so many cases and no failures."""
    report, printed = judgement
    assert (report["failures"], report["errors"]) == ([], []), printed
    assert (report["exit_code"], report["complete"]) == (0, True), printed
    assert report["operations"]["tested"] == 4
    statuses = {name: phase["status"] for name, phase in report["phases"].items()}
    assert {name for name in statuses if statuses[name] != "skip"} == set(phases)
    assert {statuses[name] for name in phases} == {"success"}
    assert report["test_cases"]["generated"] >= cases


def test_schemathesis_finds_no_failures_with_the_published_document(judged: Judged) -> None:
    """With the repository's configuration, which anybody can run."""
    assert_satisfied(judged.published, PUBLISHED, 400)


def test_schemathesis_creates_and_follows_links_on_the_narrowed_document(judged: Judged) -> None:
    """Every create succeeds, and every link is followed."""
    assert_satisfied(judged.narrowed, NARROWED, 50)
    for phase in ("examples", *OF_NIGHTS, "fuzzing"):
        rates = judged.narrowed.report["valid_rates"]["POST /payments"][phase]
        assert (rates["accepted"] > 0, rates["rejected"]) == (True, 0)
    links = LINKS.search(judged.narrowed.printed)
    assert links is not None
    assert int(links["covered"]) == int(links["selected"]) >= 3


def test_schemathesis_reports_a_response_that_breaks_its_schema(judged: Judged) -> None:
    """The schema of an amount is made wrong, so the run has to fail."""
    report, printed = judged.broken
    assert report["exit_code"] == 1, printed
    assert [(each["title"], each["operations"]) for each in report["failures"]] == [
        ("Response violates schema", ["POST /payments"])
    ]
