"""Tests each scenario on a real socket: a careful client passes it, a naive one does not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from payments_sandbox.scenarios.loader import load
from tests.library import careful, merchant, naive
from tests.library.careful import CarefulShop
from tests.library.day import Host, MakeShop, opened
from tests.library.merchant import Account, Shop, Time
from tests.library.misses import NAIVE
from tests.library.naive import NaiveShop
from tests.library.pictures import careful_shop, path_of, picture, served
from tests.library.stories import STORIES
from tests.project.tree import ROOT

FILES: Final = sorted((ROOT / "scenarios").glob("*.yaml"))
NAMES: Final = (
    "chargeback-wave", "charged-but-500", "flaky-network", "forged-webhooks",
    "garbage-from-a-proxy", "hourly-quota-exhausted", "late-decline", "lost-reply",
    "outage-and-recovery", "paging-under-load", "pending-settlement", "rate-limit-burst",
    "refund-refused", "retry-then-succeed", "secret-rotation", "slow-api", "webhook-before-reply",
    "webhook-endpoint-down", "webhook-storm", "webhooks-out-of-order",
)  # fmt: skip

each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
each_scenario = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """A sandbox that all tests share."""
    with served() as http:
        yield http


@pytest.fixture(scope="module")
def brisk_host() -> Iterator[Host]:
    """A sandbox with short delays, for clients that wait for every reply."""
    with served(100) as http:
        yield http


def test_the_library_has_its_twenty_scenarios_each_with_a_story_and_misses() -> None:
    """Users rely on their names."""
    assert tuple(path.stem for path in FILES) == NAMES
    assert sorted(STORIES) == sorted(NAIVE) == list(NAMES)


@each_file
def test_a_library_scenario_has_no_lint_problems_and_says_what_it_is_about(path: Path) -> None:
    """Not even a warning; it has tags and expectations."""
    loaded = load(path.read_text(encoding="utf-8"), name=path.stem)

    assert loaded.problems == ()
    assert loaded.scenario is not None
    assert loaded.scenario.about
    assert loaded.scenario.tags
    assert loaded.scenario.expectations


@each_file
def test_a_library_scenario_is_short_and_names_each_of_its_rules(path: Path) -> None:
    """So that users can copy it."""
    lines = path.read_text(encoding="utf-8").splitlines()
    rules = yaml.safe_load("\n".join(lines)).get("rules", [])
    names = [rule.get("name") for rule in rules]

    assert len(lines) <= 27
    assert max(map(len, lines)) <= 100
    assert None not in names
    assert len(set(names)) == len(names)


def judged(host: Host, name: str, make_shop: MakeShop) -> dict[str, Any]:
    """Return the report on a shop's day."""
    with opened(host, name, make_shop) as day:
        STORIES[name].tell(day)
        return day.report()


@each_scenario
def test_a_careful_client_meets_every_expectation(brisk_host: Host, name: str) -> None:
    """The audit finds nothing, and the page's picture shows what has happened."""
    with opened(brisk_host, name, careful_shop(name)) as day:
        STORIES[name].tell(day)
        report = day.report()
        drawn = picture(name, day)

    assert [each for each in report["expectations"] if not each["met"]] == []
    assert (report["passed"], report["audit"]["findings"]) == (True, [])
    assert [each for each in report["rules"] if each["why_not"] is not None] == []
    assert path_of(name).read_text(encoding="utf-8") == drawn, "after a change: make docs"


def test_a_careful_client_with_a_short_timeout_meets_every_expectation(host: Host) -> None:
    """It looks for the payment instead of repeating the call."""

    def shop(account: Account, time: Time) -> Shop:
        return CarefulShop(account, time, patience=1)

    report = judged(host, "slow-api", shop)

    assert (report["passed"], report["audit"]["findings"]) == (True, [])


@each_scenario
def test_a_naive_client_misses_exactly_the_listed_expectations_and_findings(
    host: Host, name: str
) -> None:
    story = STORIES[name]

    def shop(account: Account, time: Time) -> Shop:
        return NaiveShop(account, time, cashback=story.cashback, patience=story.naive_patience)

    report = judged(host, name, shop)
    unmet = [each["expect"] for each in report["expectations"] if not each["met"]]
    found = dict.fromkeys(each["kind"] for each in report["audit"]["findings"])

    assert report["passed"] is False
    assert unmet == [yaml.safe_load(each) for each in NAIVE[name].expectations]
    assert tuple(found) == NAIVE[name].findings


@pytest.mark.parametrize("module", [careful, merchant, naive], ids=lambda each: each.__name__)
def test_the_example_clients_do_not_refer_to_the_sandbox(module: Any) -> None:  # noqa: ANN401 - a module
    """A base URL, a key and a secret are all that they have."""
    text = Path(module.__file__).read_text(encoding="utf-8")

    imported = [line for line in text.splitlines() if line.startswith(("import ", "from "))]
    assert [line for line in imported if "sandbox" in line] == []
    assert "_sandbox" not in text
