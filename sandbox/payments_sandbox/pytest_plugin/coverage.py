"""Owns coverage of failure in a session: what its servers have counted, gathered and shown.

It is a plugin that is registered where somebody has asked for it. A server is asked when its
fixture ends; a worker of pytest-xdist hands what it has over to the main process, which shows it.
One that runs elsewhere, at `--sandbox-url`, is asked by the main process alone, before and after.
"""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final

import pytest

from payments_sandbox.pytest_plugin.options import PluginOptions, server_at

if TYPE_CHECKING:
    from payments_sandbox.client.models import CoverageModel
    from payments_sandbox.exploration.coverage import FailureCoverage
    from payments_sandbox.testing import Server

FIXTURE: Final = "sandbox_server"
GATHERED: Final = "payments_sandbox_coverage"
"""The key under which a worker of pytest-xdist hands over its tallies."""


class SessionCoverage:
    """Gathers what the servers of a session have counted."""

    def __init__(self, options: PluginOptions) -> None:
        self._options = options
        self._tallies: list[CoverageModel] = []
        self._notes: list[str] = []
        self._failures: list[str] = []
        self._before: CoverageModel | None = None
        self._coverage: FailureCoverage | None = None

    def pytest_sessionstart(self) -> None:
        """Note what a server has counted that runs elsewhere.

        Raises:
            UsageError: it counts nothing.
        """
        url = self._options.url
        if url is None or self._options.worker:
            return
        from payments_sandbox.client.errors import ControlApiError, Unreachable

        try:
            self._before = _tally(server_at(url))
        except Unreachable:
            return  # whoever uses it says so
        except ControlApiError as error:
            raise pytest.UsageError(f"--sandbox-coverage: {url}: {error}") from None

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: "pytest.FixtureDef[Any]"
    ) -> Generator[None, object, object]:
        """Ask a server when its fixture ends, before it is stopped."""
        server: Any = yield
        if fixturedef.argname == FIXTURE and self._options.url is None:
            fixturedef.addfinalizer(lambda: self._ask(server))
        return server

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:  # noqa: ANN401 - a worker of pytest-xdist
        """Take what a worker has gathered."""
        gathered = getattr(node, "workeroutput", {}).get(GATHERED)
        if gathered is None:
            name = node.gateway.id
            gathered = [], [f"{name} has ended early: what its tests have met is missing"]
        tallies, notes = gathered
        self._tallies += tallies
        self._notes += notes

    @pytest.hookimpl(trylast=True)  # when the fixtures of a session that was stopped have ended
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hand over what was gathered; or judge it, and write the files that were asked for."""
        if self._options.worker:
            output: dict[str, object] = vars(session.config)["workeroutput"]
            output[GATHERED] = self._tallies, self._notes
            return
        if self._options.url is not None and self._before is not None:
            self._ask(server_at(self._options.url))
        from payments_sandbox.exploration.coverage import coverage_of, why_too_low

        self._coverage = coverage_of(self._tallies, self._before)
        self._write(self._coverage)
        if (wanted := self._options.fail_under) is not None:
            why = why_too_low(self._coverage, wanted)
            self._failures += [] if why is None else [f"--sandbox-coverage-fail-under: {why}"]
        if session.exitstatus == pytest.ExitCode.OK and self._failures:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show it."""
        if self._coverage is None:
            return
        from payments_sandbox.exploration.coverage import as_text

        terminalreporter.section("payments sandbox: coverage of failure")
        terminalreporter.write(as_text(self._coverage, "--sandbox-coverage-json"))
        for line in self._notes + self._failures:
            terminalreporter.write_line(line, red=True)

    def _ask(self, server: "Server") -> None:
        """Take what a server has counted; what keeps it from telling changes no test's result."""
        try:
            self._tallies.append(_tally(server))
        except Exception as error:  # noqa: BLE001 - a fixture of the suite's own may be anything
            why = " ".join(str(error).split())
            self._notes.append(f"the server of {FIXTURE!r} has not told what it counted: {why}")

    def _write(self, coverage: "FailureCoverage") -> None:
        from payments_sandbox.core.output_files import replaced
        from payments_sandbox.exploration.coverage import coverage_files

        options = self._options
        for file, text in coverage_files(
            coverage, json_file=options.coverage_json, html_file=options.coverage_html
        ):
            try:
                with replaced(file) as written:
                    written.write(text.encode())
            except OSError as error:
                self._failures.append(f"cannot write {file}: {error.strerror}")


def _tally(server: "Server") -> "CoverageModel":
    with server.client() as control:
        return control.retrieve_coverage()
