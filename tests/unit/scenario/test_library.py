"""The library: which file a name means, and what is said of files."""

from pathlib import Path

import pytest

from sandbox.scenario.files import drafted, summary_of
from sandbox.scenario.library import (
    Library,
    UnknownScenario,
    WrongScenarios,
    drafts_of,
    files_of,
    library_of,
)
from sandbox.settings import Settings

GOOD = "scenario: down\nexpect: [{audit: clean}]\n"


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Two folders and a file beside them, each with a scenario of the same name."""
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "down.yaml").write_text(f"{GOOD}about: {name}\n", encoding="utf-8")
    return [tmp_path / "a", tmp_path / "b"]


def test_the_first_of_a_name_counts(tmp_path: Path, folders: list[Path]) -> None:
    """A file before a folder, a folder before the next, an ending before the later letter."""
    (folders[0] / "down.json").write_text('{"scenario": "down"}')
    (folders[1] / "up.yml").write_text("scenario: up")
    (folders[1] / "notes.md").write_text("no scenario")
    (folders[1] / "sub.yaml").mkdir()
    file = tmp_path / "c" / "down.yaml"
    found = [
        Library(files, dirs).draft("down").file
        for files, dirs in (([file], folders), ([], folders), ([], folders[::-1]))
    ]
    assert found == [str(file), f"{folders[0]}/down.json", f"{folders[1]}/down.yaml"]
    assert Library([], folders).names() == ["down", "up"]


def test_a_folder_that_has_gone_has_nothing(tmp_path: Path, folders: list[Path]) -> None:
    """It may come back; files are looked for whenever a name is."""
    library = Library([], [tmp_path / "gone", *folders])
    assert [each.scenario and each.scenario.about for each in library] == ["a"]


def test_an_unknown_name(folders: list[Path], tmp_path: Path) -> None:
    """Says which was meant, or what there is."""
    (tmp_path / "empty").mkdir()
    said = []
    for name, dirs in (("dwn", folders), ("x", folders), ("x", [tmp_path / "empty"])):
        with pytest.raises(UnknownScenario) as caught:
            Library([], dirs).load(name)
        said.append(str(caught.value))
    assert said == [
        "there is no scenario 'dwn'; did you mean 'down'?",
        "there is no scenario 'x'; there are down.",
        "there is no scenario 'x'; there are none.",
    ]


def test_settings_name_the_library(folders: list[Path], tmp_path: Path) -> None:
    """Files given to a server are known by their names, as what is shipped is."""
    settings = Settings(
        scenarios=(tmp_path / "c" / "down.yaml", "down"), scenario_dirs=(folders[1],)
    )
    assert files_of(settings) == [tmp_path / "c" / "down.yaml"]
    assert "down" in library_of(settings).names()
    assert [draft.file for draft in drafts_of(settings)] == [str(tmp_path / "c" / "down.yaml")] * 2


def test_wrong_ones_are_said_together(tmp_path: Path) -> None:
    """Every problem of every file, and not a word about a good one."""
    files = [tmp_path / f"{name}.yaml" for name in ("good", "bad", "worse")]
    for file, text in zip(files, ("expect: [{audit: clean}]", "", "rules: []"), strict=True):
        file.write_text(f"scenario: {file.stem}\n{text}", encoding="utf-8")
    with pytest.raises(WrongScenarios) as caught:
        drafts_of(Settings(scenarios=tuple(files)))
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()[::3]] == [
        str(file) for file in files[1:]
    ]
    assert caught.value.summary == "2 problems in 2 files"


def test_what_is_said_of_files(tmp_path: Path) -> None:
    """Problems and warnings are counted apart, and one is not many."""
    warned = "scenario: w\nrules: [{request: list_payments, do: [{hang: {commit: true}}]}]\n"
    texts = {"w": warned, "down": GOOD, "odd": "scenario: odd\nexpect: 1", "bytes": "\xff"}
    drafts = {}
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_bytes(text.encode("latin-1"))
        drafts[name] = drafted(tmp_path / f"{name}.yaml")
    assert [summary_of([draft]) for draft in drafts.values()] == [
        "no problems and 1 warning in 1 file",
        "no problems in 1 file",
        "1 problem in 1 file",
        "1 problem in 1 file",
    ]
    assert summary_of(list(drafts.values())) == "2 problems and 1 warning in 4 files"
