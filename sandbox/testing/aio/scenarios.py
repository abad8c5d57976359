"""Owns the calls about scenarios: the library, what is active, and how it went."""

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.testing.aio.caller import AsyncCaller
from sandbox.testing.exchange import CONTROL_PATH, Question, question, read

Scenario = str | Mapping[str, object]
"""A name of the library, or a scenario as JSON has it."""


class AsyncScenarioCalls(AsyncCaller):
    """What deviates from a working API, what must be true afterwards, and whether it is."""

    async def list_scenarios(self) -> dict[str, Any]:
        """The library, whole."""
        return await self._get(dict[str, Any], "/scenarios")

    async def list_active_scenarios(self) -> dict[str, Any]:
        """The scenarios that the world follows."""
        return await self._get(dict[str, Any], "/scenarios/active")

    async def replace_scenarios(self, scenarios: Sequence[Scenario]) -> dict[str, Any]:
        """Follow these and no others."""
        asked = question("PUT", "/scenarios/active", body=scenarios)
        return read(dict[str, Any], asked, await self._line.ask(asked))

    async def activate_scenario(self, scenario: Scenario | bytes) -> dict[str, Any]:
        """Follow one more; bytes are YAML."""
        asked = _one("/scenarios/active", scenario)
        return read(dict[str, Any], asked, await self._line.ask(asked))

    async def deactivate_scenarios(self, *, name: str | None = None) -> None:
        """Follow none, or one less."""
        path = "/scenarios/active"
        asked = question("DELETE", path, query={} if name is None else {"name": name})
        read(object, asked, await self._line.ask(asked))

    async def check_scenario(self, scenario: Scenario | bytes) -> dict[str, Any]:
        """All that is wrong with a scenario; bytes are YAML. A bad one raises Refused."""
        asked = _one("/scenarios/check", scenario)
        return read(dict[str, Any], asked, await self._line.ask(asked))

    async def retrieve_report(self) -> dict[str, Any]:
        """Which expectations are met, which rules fired, and the audit."""
        return await self._get(dict[str, Any], "/report")

    async def verify(
        self, expect: Sequence[Mapping[str, object]], *, within: str | None = None
    ) -> dict[str, Any]:
        """Whether expectations hold, waiting for them if asked to."""
        return await self._tell(
            dict[str, Any], "POST", "/verify", {"expect": expect, "within": within}
        )

    async def retrieve_audit(self) -> dict[str, Any]:
        """What a real ledger would not forgive."""
        return await self._get(dict[str, Any], "/audit")


def _one(path: str, scenario: Scenario | bytes) -> Question:
    if isinstance(scenario, bytes):
        headers = {"Content-Type": "application/yaml"}
        return Question("POST", CONTROL_PATH + path, scenario, headers)
    return question("POST", path, body=scenario)
