"""Holds the library to its folders: scenarios by the names of their files."""

from pathlib import Path

import pytest

from sandbox.scenario.library import Library, UnknownScenario

TEXT = "scenario: {name}\nabout: {about}\nexpect: [{{audit: clean}}]\n"


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Two folders with scenarios, and other things."""
    found = [tmp_path / "shipped", tmp_path / "mine"]
    for folder in found:
        folder.mkdir()
        text = TEXT.format(name="both", about=folder.name)
        (folder / "both.yaml").write_text(text, encoding="utf-8")
        (folder / "sub.yaml").mkdir()
    (found[0] / "one.yml").write_text(TEXT.format(name="one", about="x"), encoding="utf-8")
    (found[1] / "two.json").write_text('{"scenario": "two", "expect": [{"audit": "clean"}]}')
    (found[1] / "wrong.yaml").write_text("scenario: wrong\n", encoding="utf-8")
    for name in ("README.md", ".yaml", "notes.yaml.txt"):
        (found[1] / name).write_text("nothing")
    return found


def test_names_are_those_of_the_files(folders: list[Path]) -> None:
    """In their order, of every folder."""
    assert Library([], folders).names() == ["both", "one", "two", "wrong"]


def test_an_earlier_folder_wins(folders: list[Path]) -> None:
    """So that a team can have a version of its own, before what is shipped."""
    scenario = Library([], folders).load("both").scenario

    assert scenario is not None
    assert scenario.about == "shipped"


def test_files_are_read_when_they_are_asked_for(folders: list[Path]) -> None:
    """A file that is edited is a file that counts; bytes that are no text are no crash."""
    library = Library([], folders)
    (folders[0] / "one.yml").write_bytes(b"scenario: one\nabout: \xff\n")
    (folders[0] / "new.yaml").write_text(TEXT.format(name="new", about="x"), encoding="utf-8")

    assert "new" in library.names()
    assert library.load("one").scenario is None


def test_every_scenario_in_turn(folders: list[Path]) -> None:
    """The good and the bad."""
    found = [loaded.scenario for loaded in Library([], folders)]

    assert [each and each.name for each in found] == ["both", "one", "two", None]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bth", "there is no scenario 'bth'; did you mean 'both'?"),
        ("zzz", "there is no scenario 'zzz'; there are both, one, two, wrong."),
        ("../one", "there is no scenario '../one'; did you mean 'one'?"),
    ],
)
def test_an_unknown_name(folders: list[Path], name: str, message: str) -> None:
    """It says which was meant, or what there is; no path leads out of a folder."""
    with pytest.raises(UnknownScenario) as caught:
        Library([], folders).load(name)

    assert str(caught.value) == message


def test_an_empty_library() -> None:
    """It says so."""
    with pytest.raises(UnknownScenario, match="there are none"):
        Library([], []).load("x")
