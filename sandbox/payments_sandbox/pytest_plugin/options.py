"""Owns the options of a pytest session, from the command line, the environment and the ini file."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

if TYPE_CHECKING:
    from payments_sandbox.testing import Server

KEEPING: Final = ("off", "on", "retain-on-failure")
ENVIRONMENT: Final = "PAYMENTS_SANDBOX_"
DEFAULT_SEED: Final = 0
_ALL: Final = 100
PATIENCE: Final = 30.0
"""Seconds of silence after which the server of `--sandbox-url` counts as unreachable."""

SEED: Final = "sandbox_seed"
"""The key under which the main process passes the seed to a worker of pytest-xdist."""

SEEDS: Final = 2**53
"""Seeds are below this, as in the control API."""


class PluginOptions(NamedTuple):
    """The options of a session.

    Attributes:
        url: the address of a running server; None to start one in each process.
        seed: the seed from which those of the tests' worlds are derived.
        folders: folders with the suite's own scenarios.
        journal: when journals are written to files: one of `KEEPING`.
        strict: whether unmet expectations, and calls that the API does not have, fail a test.
        html: whether journals are also written as HTML pages.
        coverage: whether servers count the failures that are met.
        fail_under: the percentage of failures that the suite has to meet; None for no limit.
        coverage_json, coverage_html: the files for the coverage, if any.
        worker: the number of this worker of pytest-xdist, from 1; 0 in the main process.
    """

    url: str | None
    seed: int
    folders: tuple[Path, ...]
    journal: str
    strict: bool
    html: bool
    coverage: bool
    fail_under: float | None
    coverage_json: Path | None
    coverage_html: Path | None
    worker: int


OPTIONS: Final = pytest.StashKey[PluginOptions]()
_WHY_UNUSABLE: Final = pytest.StashKey[str | None]()


def add_options(parser: pytest.Parser) -> None:
    """Add the options and ini keys."""
    group = parser.getgroup("payments-sandbox")
    group.addoption(
        "--sandbox-url",
        metavar="URL",
        help="use the server at this address instead of starting one",
    )
    group.addoption(
        "--sandbox-seed",
        metavar="N|random",
        help=f"derive the seed of each test's world from this (default: {DEFAULT_SEED})",
    )
    group.addoption(
        "--sandbox-scenarios",
        action="append",
        metavar="DIR",
        help="a folder with scenarios of your own (repeatable)",
    )
    group.addoption(
        "--sandbox-journal",
        choices=KEEPING,
        default=KEEPING[-1],
        help="write the journals of a test's worlds to files (default: %(default)s)",
    )
    group.addoption(
        "--sandbox-html",
        action="store_true",
        help="also write journals as self-contained HTML pages",
    )
    _add_coverage_options(group)
    parser.addini(
        "sandbox_strict",
        "whether a test fails if expectations of its world are not met, or its client made calls"
        " that the API does not have",
        type="bool",
        default=True,
    )
    parser.addini(
        "sandbox_scenarios", "folders with scenarios of your own", type="paths", default=[]
    )


def _add_coverage_options(group: pytest.OptionGroup) -> None:
    group.addoption(
        "--sandbox-coverage",
        action="store_true",
        help="report which failures of the API the suite met, and which it did not",
    )
    group.addoption(
        "--sandbox-coverage-fail-under",
        metavar="N",
        type=_percent,
        help="the same, and fail if fewer than this percentage were met",
    )
    for form, text in (("json", "JSON"), ("html", "HTML")):
        group.addoption(
            f"--sandbox-coverage-{form}",
            metavar="FILE",
            type=_file,
            help=f"the same, and write the details to this file, as {text}",
        )


def _percent(text: str) -> float:
    try:
        if 0 <= (number := float(text)) <= _ALL:
            return number
    except ValueError:
        pass
    raise argparse.ArgumentTypeError("expected a percentage from 0 to 100")


def _file(text: str) -> Path:
    if not text or Path(text).is_dir():
        raise argparse.ArgumentTypeError("expected a file")
    return Path(text)


def options_in(config: pytest.Config) -> PluginOptions:
    """Read the options of a session; the command line wins, then the environment.

    Raises:
        UsageError: a value is invalid.
    """
    fail_under = config.getoption("--sandbox-coverage-fail-under")
    files = [config.getoption(f"--sandbox-coverage-{form}") for form in ("json", "html")]
    is_wanted = fail_under is not None or any(files)
    return PluginOptions(
        url=_url(config),
        seed=_seed(config),
        folders=_folders(config),
        journal=config.getoption("--sandbox-journal"),
        strict=config.getini("sandbox_strict"),
        html=config.getoption("--sandbox-html"),
        coverage=is_wanted or config.getoption("--sandbox-coverage"),
        fail_under=fail_under,
        coverage_json=files[0],
        coverage_html=files[1],
        worker=_worker(config),
    )


def server_at(url: str) -> "Server":
    """Return the server at an address, with the control token of the environment, if any."""
    from payments_sandbox.testing import Server

    return Server(url, _token())


def _token() -> str | None:
    return os.environ.get(f"{ENVIRONMENT}CONTROL_TOKEN")


def why_unusable(config: pytest.Config) -> str | None:
    """Return why the server of `--sandbox-url` cannot be used, checked once; None if it can."""
    if _WHY_UNUSABLE not in config.stash:
        config.stash[_WHY_UNUSABLE] = _why_unusable(config.stash[OPTIONS].url)
    return config.stash[_WHY_UNUSABLE]


def _why_unusable(url: str | None) -> str | None:
    if url is None:
        return None
    from payments_sandbox.client.client import SandboxClient
    from payments_sandbox.client.errors import ControlApiError, Unreachable, describe_unreachable

    try:
        with SandboxClient(url, token=_token(), timeout=PATIENCE) as client:
            client.list_cards()  # a route that needs the token, but no key
    except Unreachable as error:
        return describe_unreachable(error, url, "--sandbox-url")
    except ControlApiError as error:
        return (
            f"{url} rejected the request: {error.message}; set {ENVIRONMENT}CONTROL_TOKEN to its"
            " token"
        )
    return None


def _worker(config: pytest.Config) -> int:
    name = str(getattr(config, "workerinput", {}).get("workerid", ""))
    return int(name[2:]) + 1 if name[2:].isdigit() else 0


def _given(config: pytest.Config, option: str, variable: str) -> tuple[str, Any]:
    """Return where the value of an option comes from, and the value; an empty one is none."""
    if value := config.getoption(option):
        return option, value
    return f"{ENVIRONMENT}{variable}", os.environ.get(f"{ENVIRONMENT}{variable}") or None


def _url(config: pytest.Config) -> str | None:
    source, url = _given(config, "--sandbox-url", "URL")
    if url is None:
        return None
    from payments_sandbox.client.messages import parse_address

    try:
        return parse_address(url)
    except ValueError as error:
        raise pytest.UsageError(f"{source}: {error}") from None


def _seed(config: pytest.Config) -> int:
    worker_input: dict[str, int] = getattr(config, "workerinput", {})  # of pytest-xdist
    if SEED in worker_input:
        return worker_input[SEED]
    source, given = _given(config, "--sandbox-seed", "SEED")
    if given is None:
        return DEFAULT_SEED
    if given == "random":
        return int.from_bytes(os.urandom(4), "big")
    is_number = given.isascii() and given.isdigit() and len(given) <= len(str(SEEDS))
    if not is_number or int(given) >= SEEDS:
        raise pytest.UsageError(f"{source}: expected a whole number below 2**53 or random.")
    return int(given)


def _folders(config: pytest.Config) -> tuple[Path, ...]:
    """Return the scenario folders of the command line, else the environment, else the ini file.

    Raises:
        UsageError: one of them is not a folder.
    """
    source, given = _given(config, "--sandbox-scenarios", "SCENARIO_DIR")
    names = given.split(",") if isinstance(given, str) else given or ()
    folders = tuple(Path(each.strip()) for each in names if each.strip())
    if not folders:
        source, folders = "sandbox_scenarios", tuple(config.getini("sandbox_scenarios"))
    if missing := [folder for folder in folders if not folder.is_dir()]:
        raise pytest.UsageError(f"{source}: expected a folder, not {missing[0]}.")
    return folders
