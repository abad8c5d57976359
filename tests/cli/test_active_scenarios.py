"""`payments-sandbox scenario use` and `scenario end`: the active scenarios of a world."""

from pathlib import Path

from tests.support.process import RemoteWorld, run


def test_scenario_use_activates_by_name_or_file_and_scenario_end_deactivates(
    world: RemoteWorld, tmp_path: Path
) -> None:
    run("scenario", "new", "mine", cwd=tmp_path)
    used = world.run("scenario", "use", "late-decline", str(tmp_path / "mine.yaml"))
    assert (used.returncode, used.stdout, used.stderr) == (
        0,
        f"{world.key}: late-decline, mine active\n",
        "",
    )
    ended = [world.run("scenario", "end", *name).stdout for name in (["mine"], [])]
    assert ended == [f"{world.key}: late-decline active\n", f"{world.key}: no scenario active\n"]


def test_using_an_invalid_file_reports_its_problems_and_activates_nothing(
    world: RemoteWorld, tmp_path: Path
) -> None:
    (tmp_path / "wrong.yaml").write_text("scenario: wrong\nrulez: []\n", encoding="utf-8")
    refused = world.run("scenario", "use", "late-decline", str(tmp_path / "wrong.yaml"))

    assert refused.returncode == 2
    assert f"{tmp_path}/wrong.yaml:2:1: " in refused.stdout
    assert refused.stderr.endswith("in 1 file.\n")
    assert world.control("GET", "/scenarios/active")["data"] == []


def test_using_several_scenarios_is_atomic_and_keeps_active_ones(world: RemoteWorld) -> None:
    """The counters of scenarios that are already active stay unchanged."""
    world.run("scenario", "use", "retry-then-succeed")
    assert world.pay().status == 500
    refused = [
        world.run("scenario", "use", "late-decline", *last)
        for last in (["slow-apy"], ["late-decline"], ["retry-then-succeed"], ["paging-under-load"])
    ]
    assert [each.returncode for each in refused] == [1, 1, 1, 1]
    assert "did you mean 'slow-api'?" in refused[0].stderr
    assert "'late-decline' is given twice" in refused[1].stderr
    assert "'retry-then-succeed' is given twice" in refused[2].stderr
    assert "expected an unused world" in refused[3].stderr
    [active] = world.control("GET", "/scenarios/active")["data"]
    assert active["name"] == "retry-then-succeed"

    used = world.run("scenario", "use", "late-decline", "refund-refused")
    assert used.stdout == f"{world.key}: retry-then-succeed, late-decline, refund-refused active\n"
    fired = {each["rule"]: each["fired"] for each in world.control("GET", "/report")["rules"]}
    assert fired["fails-twice"] == 1


def test_an_unknown_name_an_inactive_name_and_a_missing_file_are_reported(
    world: RemoteWorld,
) -> None:
    unknown = world.run("scenario", "use", "late-declin")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "did you mean 'late-decline'?" in unknown.stderr
    inactive = world.run("scenario", "end", "late-decline")
    assert (inactive.returncode, inactive.stdout) == (1, "")
    assert "expected an active scenario; active scenarios: none" in inactive.stderr
    missing = run("scenario", "use", "./none.yaml")
    assert missing.returncode == 2
    assert missing.stderr.splitlines()[-1].endswith(
        "argument NAME|FILE: './none.yaml': expected the name of a scenario or an existing file"
    )
