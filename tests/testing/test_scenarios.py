"""Scenarios in a test: using them by name, path or value, and verifying expectations."""

from pathlib import Path

import pytest

from payments_sandbox.scenarios.library import UnknownScenario
from payments_sandbox.testing import ControlApiError, ExpectationFailed, RunningSandbox, Sandbox
from payments_sandbox.testing.scenario_files import find_scenario, shipped
from tests.support.sockets import pay

DECLINES = """\
scenario: declines
rules:
  - name: first-is-declined
    request: create_payment
    do: [{respond: {error: card_declined}}]
expect:
  - {request: create_payment, count: 2}
"""
TWICE = {"request": "create_payment", "count": 2}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a scenario."""
    (tmp_path / "declines.yaml").write_text(DECLINES)
    return tmp_path


@pytest.mark.parametrize("named", ["by name", "by path", "by text"])
def test_use_accepts_a_name_a_path_and_a_path_as_text(
    server: RunningSandbox, folder: Path, named: str
) -> None:
    file = folder / "declines.yaml"
    names: dict[str, str | Path] = {"by name": "declines", "by path": file, "by text": str(file)}
    with server.new_world(folders=[folder]) as world:
        world.use(names[named])
        assert pay(world, 400)["error"]["code"] == "card_declined"
        pay(world)
        world.verify()
        [rule] = world.report()["rules"]
        assert (rule["rule"], rule["fired"], rule["why_not"]) == ("first-is-declined", 1, None)
        assert "answered by first-is-declined, step 1" in explanation(world, 0)


def explanation(world: Sandbox, number: int) -> str:
    """Return the explanation of a request by its index in the journal."""
    return world.explain(world.requests[number]["id"])


def test_explain_says_why_a_rule_did_not_answer(world: Sandbox) -> None:
    when = {"amount": {"gte": 5000}}
    rule = {"name": "large", "request": "create_payment", "when": when, "do": [{"drop": DROP}]}
    world.use({"scenario": "large-is-lost", "rules": [rule]})
    pay(world)
    assert "\n  large: amount 2500 is not gte 5000" in explanation(world, 0)


DROP = {"commit": True, "how": "close"}


def test_verify_raises_for_unmet_expectations_with_the_observation(world: Sandbox) -> None:
    """It verifies at once, or waits for some time."""
    world.expect(TWICE)
    world.expect({"audit": "clean"}, {"payments": {"status": "completed"}, "count": 1})
    pay(world)
    with pytest.raises(ExpectationFailed) as caught:
        world.verify()
    assert [each["expect"] for each in caught.value.unmet] == [TWICE]
    text = str(caught.value)
    assert text.startswith('not met: {"request": "create_payment", "count": 2}: ')
    assert text.count("\n") == 0

    with pytest.raises(ExpectationFailed, match="create_refund"):
        world.verify({"request": "create_refund", "count": 1}, within="10ms")
    world.verify({"request": "create_payment", "count": 1})


def test_audit_returns_the_findings(world: Sandbox) -> None:
    assert world.audit() == {"clean": True, "findings": []}


def test_an_invalid_scenario_raises_with_all_problems_and_pointers(world: Sandbox) -> None:
    """Nothing is activated."""
    with pytest.raises(ControlApiError) as caught:
        world.use({"scenario": "wrong", "rules": [{"request": "pay", "do": ["pass"]}], "expct": []})
    refused = caught.value
    assert refused.code == "invalid_scenario"
    _, _, *told = str(refused).split("\n  ")
    assert [line.partition(": ")[0] for line in told] == ["/expct", "/rules/0/request"]
    assert [each["path"] for each in refused.problems] == ["/expct", "/rules/0/request"]
    assert world.control.list_active_scenarios()["data"] == []


def test_an_unknown_scenario_name_or_file_raises(world: Sandbox) -> None:
    """The server rejects the name; a missing file is found locally."""
    with pytest.raises(ControlApiError, match="there is no scenario 'lost-parcel'"):
        world.use("lost-parcel")
    with pytest.raises(UnknownScenario, match=r"there is no file nowhere\.yaml"):
        world.use("nowhere.yaml")


def test_find_scenario_searches_folders_in_order_and_then_the_library(folder: Path) -> None:
    """An unknown name is returned as it is."""
    other = folder / "other"
    other.mkdir()
    (other / "declines.json").touch()
    assert find_scenario("declines", [folder]) == folder / "declines.yaml"
    assert find_scenario("declines", [other, folder]) == other / "declines.json"
    assert find_scenario("unheard-of", [folder]) == "unheard-of"
    assert find_scenario("declines.yaml", [], beside=folder) == folder / "declines.yaml"
    assert shipped() == sorted(shipped())


def test_find_scenario_prefers_the_first_of_two_equal_names(tmp_path: Path) -> None:
    """The server uses the same order."""
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
        (folder / "declines.yaml").write_text(DECLINES)
    assert find_scenario("declines", folders) == folders[0] / "declines.yaml"


def test_problems_show_line_and_pointer_as_far_as_known(world: Sandbox) -> None:
    """A text has lines, an object only pointers, and a problem of the whole neither."""
    told = []
    wrongs: tuple[dict[str, object] | bytes, ...] = (
        {"scenario": "x"},
        {"scenario": "x", "expect": [{"audit": "cleen"}]},
        b"scenario: x\nexpect: [{audit: cleen}]\n",
        b"scenario: x\nexpect: [{audit: clean}]\n---\n",
    )
    for wrong in wrongs:
        with pytest.raises(ControlApiError) as caught:
            world.control.add_active_scenario(wrong)
        told.append(str(caught.value).splitlines()[2])

    assert told == [
        "  a scenario needs rules, expect or given",
        "  /expect/0/audit: unknown value 'cleen' (did you mean 'clean'?)",
        "  2:18: /expect/0/audit: unknown value 'cleen' (did you mean 'clean'?)",
        "  3:1: a second document (write one scenario per file)",
    ]
