"""Scenarios in a test: used by name, path or value; what they expect is judged in words."""

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
    """A folder of the team's, with a scenario in it."""
    (tmp_path / "declines.yaml").write_text(DECLINES)
    return tmp_path


@pytest.mark.parametrize("named", ["by name", "by path", "by text"])
def test_a_scenario_is_used_by_name_or_by_path(
    server: RunningSandbox, folder: Path, named: str
) -> None:
    """By the name of a file of the team's, by its path, or by the path as text."""
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
    """What became of a request, by its place in the journal."""
    return world.explain(world.requests[number]["id"])


def test_a_rule_that_did_not_answer_says_why(world: Sandbox) -> None:
    """In the explanation of the request."""
    when = {"amount": {"gte": 5000}}
    rule = {"name": "large", "request": "create_payment", "when": when, "do": [{"drop": DROP}]}
    world.use({"scenario": "large-is-lost", "rules": [rule]})
    pay(world)
    assert "\n  large: amount 2500 is not gte 5000" in explanation(world, 0)


DROP = {"commit": True, "how": "close"}


def test_what_is_expected_is_verified(world: Sandbox) -> None:
    """At once or within some time; what is not met is told with what was seen."""
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


def test_the_audit_can_be_read(world: Sandbox) -> None:
    """What a real ledger would not forgive."""
    assert world.audit() == {"clean": True, "findings": []}


def test_a_wrong_scenario_is_refused_with_every_problem(world: Sandbox) -> None:
    """Nothing is activated, and each problem is told with its place: a pointer, for it is JSON."""
    with pytest.raises(ControlApiError) as caught:
        world.use({"scenario": "wrong", "rules": [{"request": "pay", "do": ["pass"]}], "expct": []})
    refused = caught.value
    assert refused.code == "invalid_scenario"
    _, _, *told = str(refused).split("\n  ")
    assert [line.partition(": ")[0] for line in told] == ["/expct", "/rules/0/request"]
    assert [each["path"] for each in refused.problems] == ["/expct", "/rules/0/request"]
    assert world.control.list_active_scenarios()["data"] == []


def test_a_scenario_that_is_not_there_is_refused(world: Sandbox) -> None:
    """The server knows no such name; there is no such file."""
    with pytest.raises(ControlApiError, match="there is no scenario 'lost-parcel'"):
        world.use("lost-parcel")
    with pytest.raises(UnknownScenario, match=r"there is no file nowhere\.yaml"):
        world.use("nowhere.yaml")


def test_a_name_is_looked_up_in_earlier_folders_first(folder: Path) -> None:
    """A file of the team's wins over the library; the earlier folder wins over the later."""
    other = folder / "other"
    other.mkdir()
    (other / "declines.json").touch()
    assert find_scenario("declines", [folder]) == folder / "declines.yaml"
    assert find_scenario("declines", [other, folder]) == other / "declines.json"
    assert find_scenario("unheard-of", [folder]) == "unheard-of"
    assert find_scenario("declines.yaml", [], beside=folder) == folder / "declines.yaml"
    assert shipped() == sorted(shipped())


def test_of_one_name_the_first_folder_counts(tmp_path: Path) -> None:
    """As for the server, which is given the same folders."""
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
        (folder / "declines.yaml").write_text(DECLINES)
    assert find_scenario("declines", folders) == folders[0] / "declines.yaml"


def test_a_problem_is_told_with_what_is_known_of_its_place(world: Sandbox) -> None:
    """A text has lines, an object only paths, and the whole of it neither."""
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
        "  a scenario has rules, expect or given",
        "  /expect/0/audit: unknown value 'cleen' (did you mean 'clean'?)",
        "  2:18: /expect/0/audit: unknown value 'cleen' (did you mean 'clean'?)",
        "  3:1: a second document (write one scenario per file)",
    ]
