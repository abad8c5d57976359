"""Owns the pytest plugin: its fixtures, marks and options; the first fixture imports the rest.

Every run of every project imports this module, so it imports nothing that pytest has not.
"""

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from payments_sandbox import __version__
from payments_sandbox.pytest_plugin.marks import CLOCK, MARKS, SCENARIO, found, problems
from payments_sandbox.pytest_plugin.options import (
    OPTIONS,
    SEED,
    SEEDS,
    add_options,
    options_in,
    server_at,
)

if TYPE_CHECKING:
    from typing import Protocol

    from payments_sandbox.testing import MakeSandbox, Options, Sandbox, Server

    class Node(Protocol):
        """A worker of pytest-xdist, as its main process sees it."""

        config: pytest.Config
        workerinput: dict[str, object]


WORLDS: Final = pytest.StashKey[list["Sandbox"]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options and ini keys; what is said nearer to the run wins."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Read what the session is told."""
    for mark in MARKS:
        config.addinivalue_line("markers", mark)
    config.stash[OPTIONS] = options_in(config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: "Node") -> None:
    """Tell a worker of pytest-xdist the seed, which may have been drawn."""
    node.workerinput[SEED] = node.config.stash[OPTIONS].seed


def pytest_report_header(config: pytest.Config) -> str:
    """Version, seed and server, for whoever wants to repeat a run."""
    options = config.stash[OPTIONS]
    folders = [f"scenarios in {folder}" for folder in options.folders]
    server = options.url or "a server of its own"
    return ", ".join([f"payments-sandbox {__version__}: seed {options.seed}", server, *folders])


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A mark that names no scenario, or no instant, is an error of collection."""
    report = yield
    if wrong := [line for item in report.result or () for line in problems(item)]:
        report.outcome, report.result = "failed", []
        report.longrepr = "\n".join([f"{collector.nodeid}:", *wrong])
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Unmet expectations fail the test itself; its own failure comes first."""
    result = yield
    if item.config.stash[OPTIONS].strict:
        for world in item.stash.get(WORLDS, ()):
            if world.is_scripted:
                _judge(world)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows what its worlds have seen, and keeps all of it as a file."""
    report = yield
    worlds, journal = item.stash.get(WORLDS, ()), item.config.stash[OPTIONS].journal
    if worlds and call.when != "teardown" and (report.failed or journal == "on"):
        from payments_sandbox.testing.failure_report import failure_report

        lines = [] if journal == "off" else [f"journal: {_kept(item, worlds)}"]
        report.sections.append(("payments sandbox", "\n".join([failure_report(worlds), *lines])))
    return report


@pytest.fixture(scope="session")
def sandbox_options(request: pytest.FixtureRequest) -> "Options":
    """Settings of the server of this run; override it to change some."""
    options = request.config.stash[OPTIONS]
    return {"seed": options.seed, "scenario_dirs": options.folders}


@pytest.fixture(scope="session")
def sandbox_server(
    request: pytest.FixtureRequest, sandbox_options: "Options"
) -> Iterator["Server"]:
    """One server for each process that runs tests, or the one of `--sandbox-url`."""
    from payments_sandbox.testing import running_sandbox

    if (url := request.config.stash[OPTIONS].url) is None:
        with running_sandbox(**sandbox_options) as own:
            yield own
        return
    server = server_at(url)
    with server.client() as client:
        client.live()  # it is there, and it is one of ours
    yield server


@pytest.fixture
def make_sandbox(
    request: pytest.FixtureRequest, sandbox_server: "Server"
) -> Iterator["MakeSandbox"]:
    """Makes worlds for one test, when one is not enough."""
    from payments_sandbox.testing import ControlError

    options, node = request.config.stash[OPTIONS], request.node
    worlds = node.stash.setdefault(WORLDS, [])

    def make(
        *scenarios: str,
        seed: int | None = None,
        clock: str | None = None,
        rate_limit: int | None = None,
    ) -> "Sandbox":
        if seed is None:
            seed = _world_seed(options.seed, node.nodeid, len(worlds))
        world = sandbox_server.new_world(
            seed=seed, clock=clock, rate_limit=rate_limit, folders=options.folders
        )
        worlds.append(world)
        world.use(*scenarios)
        return world

    yield make
    while worlds:
        with suppress(ControlError):  # a server that is gone has failed the test already
            worlds.pop().close()


@pytest.fixture
def sandbox(request: pytest.FixtureRequest, make_sandbox: "MakeSandbox") -> "Sandbox":
    """A world of the test's own, as its marks want it."""
    node = request.node
    clock = node.get_closest_marker(CLOCK)
    marks = list(node.iter_markers(SCENARIO))[::-1]  # those of the module come first
    seeds = [mark.kwargs["seed"] for mark in marks if "seed" in mark.kwargs]
    world = make_sandbox(
        clock=None if clock is None else clock.args[0], seed=seeds[-1] if seeds else None
    )
    world.use(*(found(name, node) for mark in marks for name in mark.args))
    return world


@pytest.fixture
def payments_env(sandbox: "Sandbox", monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Tells code under test where the API is, in the variables of `payments-sandbox run`."""
    from payments_sandbox.client.environment import sandbox_variables, without_proxy

    variables = sandbox_variables(
        base_url=sandbox.base_url,
        api_key=sandbox.api_key,
        webhook_secret=sandbox.webhook_secret,
        sandbox_url=sandbox.sandbox_url,
    )
    for name, value in {**variables, **without_proxy(sandbox.base_url, os.environ)}.items():
        monkeypatch.setenv(name, value)
    return variables


def _world_seed(seed: int, test: str, number: int) -> int:
    """A world's seed: the same for a test in every run, whatever runs beside it."""
    text = f"{seed}\0{test}\0{number}".encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big") % SEEDS


def _judge(world: "Sandbox") -> None:
    from payments_sandbox.testing import ExpectationFailed

    failure = None
    try:
        world.judge()
    except ExpectationFailed as unmet:
        failure = f"{world.api_key}: {unmet}"
    if failure is not None:  # not within the handler, or the report tells of both
        pytest.fail(failure, pytrace=False)


def _kept(item: pytest.Item, worlds: "Sequence[Sandbox]") -> Path | str:
    """Where the journal of a test's worlds is kept: with what else pytest caches."""
    from payments_sandbox.testing.failure_report import write_journal

    if (cache := getattr(item.config, "cache", None)) is None:
        return "not kept, without pytest's cache"
    return write_journal(worlds, item.nodeid, cache.mkdir("payments-sandbox"))
