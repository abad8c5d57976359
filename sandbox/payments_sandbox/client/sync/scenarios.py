"""Owns the calls about scenarios: the library, what is active, and how it went."""

from collections.abc import Mapping, Sequence
from typing import Final

from payments_sandbox.client.exchange import CONTROL_PATH, Question, given, question, read
from payments_sandbox.client.models.objects import Page
from payments_sandbox.client.models.responses import (
    ActiveScenario,
    AuditResponse,
    ProblemsResponse,
    ReportResponse,
    Scenario,
    VerifiedResponse,
    WrittenScenarioResponse,
)
from payments_sandbox.client.sync.caller import Caller

Written = str | Mapping[str, object]
"""A scenario's name, or all of it as JSON has it."""

ACTIVE: Final = "/scenarios/active"


class ScenarioCalls(Caller):
    """What deviates from a working API, what must be true afterwards, and whether it is."""

    def list_scenarios(self) -> Page[Scenario]:
        """The library, whole."""
        return self._get(Page[Scenario], "/scenarios")

    def list_active_scenarios(self) -> Page[ActiveScenario]:
        """What the world follows, in the order in which it applies; whole."""
        return self._get(Page[ActiveScenario], ACTIVE)

    def put_active_scenarios(self, scenarios: Sequence[Written] | bytes) -> Page[ActiveScenario]:
        """Follow exactly these; bytes are YAML."""
        asked = _written("PUT", ACTIVE, scenarios)
        return read(Page[ActiveScenario], asked, self._line.ask(asked))

    def add_active_scenario(self, scenario: Written | bytes) -> Page[ActiveScenario]:
        """Follow one more; bytes are YAML."""
        asked = _written("POST", ACTIVE, scenario)
        return read(Page[ActiveScenario], asked, self._line.ask(asked))

    def remove_active_scenarios(self, *, name: str | None = None) -> None:
        """End one, or all."""
        asked = question("DELETE", ACTIVE, query=given({"name": name}))
        read(object, asked, self._line.ask(asked))

    def check_scenario(self, scenario: Written | bytes) -> ProblemsResponse:
        """The warnings about a scenario; bytes are YAML. One that is wrong raises Refused."""
        asked = _written("POST", "/scenarios/check", scenario)
        return read(ProblemsResponse, asked, self._line.ask(asked))

    def write_scenario(
        self, requests: Sequence[str], *, name: str | None = None
    ) -> WrittenScenarioResponse:
        """A scenario that makes happen again what requests of the journal have met."""
        body = {"requests": requests, "name": name}
        return self._tell(WrittenScenarioResponse, "POST", "/scenarios/from_journal", body)

    def retrieve_report(self) -> ReportResponse:
        """Which expectations are met, which rules fired or why not, and the audit."""
        return self._get(ReportResponse, "/report")

    def verify(
        self,
        *,
        expect: Sequence[Mapping[str, object]] | None = None,
        within: str | None = None,
    ) -> VerifiedResponse:
        """Whether expectations hold, as soon as all do or time is up; else the active ones."""
        body = {"expect": expect, "within": within}
        return self._tell(VerifiedResponse, "POST", "/verify", body)

    def retrieve_audit(self) -> AuditResponse:
        """What a real ledger would not forgive."""
        return self._get(AuditResponse, "/audit")


def _written(method: str, path: str, scenario: Written | Sequence[Written] | bytes) -> Question:
    if isinstance(scenario, bytes):
        headers = {"Content-Type": "application/yaml"}
        return Question(method, CONTROL_PATH + path, scenario, headers)
    return question(method, path, body=scenario)
