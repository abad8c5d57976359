"""Owns the runs of a command that is explored: each has its own worlds, and its own port.

All runs share this process, its loop and the compiled contract. Putting the rest of a server
together takes half a millisecond, and listening takes three. So all worlds that a command makes
belong to its run, by the port that it was given. Equal seeds make equal worlds, however many runs
there are at once.
"""

import asyncio
import re
import signal
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from payments_sandbox.cli.processes.child_process import Command, Output, environment_of, running
from payments_sandbox.cli.processes.server_process import facts_of
from payments_sandbox.cli.processes.stray_processes import strays_ended
from payments_sandbox.core.ids import DEFAULT_API_KEY
from payments_sandbox.core.masking import mask_text
from payments_sandbox.core.settings import Settings
from payments_sandbox.exploration.crashes import crash_evidence
from payments_sandbox.exploration.run_record import FlowEnd, RecordedWorlds, RunRecord
from payments_sandbox.scenarios.loader import read_scenario
from payments_sandbox.server.factory import assemble
from payments_sandbox.server.http_server import listening

if TYPE_CHECKING:
    from payments_sandbox.server.factory import AssembledServer
    from payments_sandbox.server.listening.listeners import ListeningAt

GRACE: Final = 1.0
"""Seconds between SIGTERM and SIGKILL for a command that has run for too long."""

_OF_ONE_RUN: Final = ("PAYMENTS_BASE_URL", "PAYMENTS_API_KEY")
"""Variables whose values together identify a run."""

_LINES: Final = 40
"""Lines that are kept of a command's output."""

_CHANGING: Final = re.compile(r"0x[0-9a-f]{6,}")
"""Output that differs in each run without meaning anything: addresses in memory."""


class ExploredCommand(NamedTuple):
    """A command that is run repeatedly.

    Attributes:
        words: of the command.
        settings: of its servers; with a seed, so that they are equal.
        timeout: seconds that a run may take.
        folder: its working folder; None means ours.
    """

    words: Sequence[str]
    settings: Settings
    timeout: float
    folder: Path | None = None

    async def run(self, number: int, scenario: Mapping[str, Any] | None) -> RunRecord:
        """Run it once, with a scenario that is active in all worlds, and record the outcome.

        Raises:
            NotStartedError: there is no such command, or it cannot be run.
        """
        scenarios = () if scenario is None else (read_scenario(scenario),)
        server = assemble(self.settings, scenarios=scenarios)
        worlds = server.runtime.reports = RecordedWorlds(server.runtime.notifier)
        # Each server restores the handler of an earlier one, which may have ended first.
        asyncio.get_running_loop().set_exception_handler(None)
        output = Output()
        async with AsyncExitStack() as stack:
            at = await stack.enter_async_context(listening(server))
            facts = _facts(server, at, number)
            environment, started = environment_of(facts), perf_counter()
            with strays_ended({name: environment[name] for name in _OF_ONE_RUN}):
                async with running(
                    self.words, environment, grace=GRACE, output=output, folder=self.folder
                ) as command:
                    code = await self._ended(command)
                    seconds = perf_counter() - started
                    await stack.aclose()  # until here, what it left running may answer webhooks
                    records = await worlds.recorded(server.runtime.worlds)
        return RunRecord(_end(code, output, seconds, at.url), records)

    async def _ended(self, command: Command) -> int | None:
        """Wait for the command; return its exit code, or None if it took too long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.timeout):
                return await command.ended()
        command.forward(signal.SIGTERM)
        await command.ended()
        return None


def _facts(server: "AssembledServer", at: "ListeningAt", number: int) -> dict[str, object]:
    """The facts for the command of a run: its own key, with a world equal to the one of `run`."""
    worlds = server.runtime.worlds
    usual = worlds.get_or_create(DEFAULT_API_KEY)
    world = worlds.make(f"sk_test_explore_{number}", seed=usual.config.seed)
    own = {"api_key": world.config.api_key, "webhook_secret": world.config.webhook_secret}
    return facts_of(server.settings, at) | own


def _end(code: int | None, output: Output, seconds: float, address: str) -> FlowEnd:
    return FlowEnd(
        exit_code=-1 if code is None else code,
        output=_last_lines(f"{output.printed}\n{output.errors}", address),
        crash=None if code is None else crash_evidence(code, output.errors),
        timed_out=code is None,
        seconds=seconds,
    )


def _last_lines(text: str, address: str) -> str:
    """The last lines of an output, with cards masked, and without what differs in each run."""
    port = address.rpartition(":")[2]
    lines = [line for line in text.splitlines() if line.strip()][-_LINES:]
    text = mask_text(_CHANGING.sub("0x…", "\n".join(lines)))
    return text.replace(f":{port}", ":PORT")
