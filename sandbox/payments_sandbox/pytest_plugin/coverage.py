"""Owns the coverage of failure of a session: it gathers what servers have counted, and shows it.

This plugin is registered only if an option asks for coverage. A server of the session is asked for
its counts when its fixture ends. A worker of pytest-xdist passes them on to the main process,
which shows them. A server at `--sandbox-url` is asked by the main process only, before and after
the session.
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
"""The key under which a worker of pytest-xdist passes on its tallies."""


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
        """Remember what the server at `--sandbox-url` has counted before the session.

        Raises:
            UsageError: the server does not count failures.
        """
        url = self._options.url
        if url is None or self._options.worker:
            return
        from payments_sandbox.client.errors import ControlApiError, Unreachable

        try:
            self._before = _tally(server_at(url))
        except Unreachable:
            return  # the first test that needs the server reports that
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
        """Add what a worker has gathered."""
        gathered = getattr(node, "workeroutput", {}).get(GATHERED)
        if gathered is None:
            name = node.gateway.id
            gathered = [], [f"{name} ended early: the failures that its tests met are missing"]
        tallies, notes = gathered
        self._tallies += tallies
        self._notes += notes

    @pytest.hookimpl(trylast=True)  # after pytest has ended the fixtures of a stopped session
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """In a worker, pass on what was gathered; else judge it, and write the requested files."""
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
        """Show the coverage."""
        if self._coverage is None:
            return
        from payments_sandbox.exploration.coverage import as_text

        terminalreporter.section("payments sandbox: coverage of failure")
        terminalreporter.write(as_text(self._coverage, "--sandbox-coverage-json"))
        for line in self._notes + self._failures:
            terminalreporter.write_line(line, red=True)

    def _ask(self, server: "Server") -> None:
        """Add what a server has counted; a failure to get that changes no test's result."""
        try:
            self._tallies.append(_tally(server))
        except Exception as error:  # noqa: BLE001 - a suite's own fixture may return anything
            why = " ".join(str(error).split())
            self._notes.append(f"cannot read the counts of the server of {FIXTURE!r}: {why}")

    def _write(self, coverage: "FailureCoverage") -> None:
        from payments_sandbox.core.output_files import as_utf8, replaced
        from payments_sandbox.exploration.coverage import coverage_files

        options = self._options
        for file, text in coverage_files(
            coverage, json_file=options.coverage_json, html_file=options.coverage_html
        ):
            try:
                with replaced(file) as written:
                    written.write(as_utf8(text))
            except OSError as error:
                self._failures.append(f"cannot write {file}: {error.strerror}")


def _tally(server: "Server") -> "CoverageModel":
    with server.client() as control:
        return control.retrieve_coverage()
