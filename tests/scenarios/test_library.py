"""Holds the library to its folders: scenarios by the names of their files."""

from pathlib import Path

import pytest

from payments_sandbox.core.settings import Settings
from payments_sandbox.scenarios.library import (
    Library,
    UnknownScenario,
    WrongScenarios,
    check_known,
    count_problems,
    initial_files,
    library_of,
    read_scenario_file,
    scenario_paths,
)

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


def test_a_scenario_is_named_after_its_file(folders: list[Path]) -> None:
    """In their order, of every folder."""
    assert Library([], folders).names() == ["both", "one", "two", "wrong"]


def test_of_two_folders_with_one_name_the_earlier_wins(folders: list[Path]) -> None:
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


def test_a_file_in_another_encoding_is_told_what_else_is_wrong_with_it(tmp_path: Path) -> None:
    file = tmp_path / "cafe.yaml"
    file.write_bytes(b"scenario: cafe\nabout: caf\xe9\nexpct: 1\nexpect: [{audit: clean}]\n")

    assert [problem.message for problem in read_scenario_file(file).loaded.problems] == [
        "the file is not UTF-8",
        "unknown key 'expct'",
    ]


def test_a_file_in_another_encoding_is_refused_at_its_place(tmp_path: Path) -> None:
    """Its first wrong byte has a place; nothing of it is guessed at."""
    file = tmp_path / "cafe.yaml"
    file.write_bytes("scenario: cafe\nabout: Grüße, é\n".encode().replace(b"\xc3\xa9", b"\xe9"))
    read = read_scenario_file(file)

    assert read.loaded.scenario is None
    told, _ = read.lint  # and that nothing is expected of it
    assert told.splitlines() == [
        f"{file}:2:15: the file is not UTF-8; save the file as UTF-8",
        "    about: Grüße, \ufffd",
        "                  ^",
    ]


def test_a_library_is_read_scenario_by_scenario(folders: list[Path]) -> None:
    """The good and the bad."""
    found = [loaded.scenario for loaded in Library([], folders)]

    assert [each and each.name for each in found] == ["both", "one", "two", None]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bth", "there is no scenario 'bth'; did you mean 'both'?"),
        ("zzz", "there is no scenario 'zzz'; expected one of both, one, two, wrong."),
        ("../one", "there is no scenario '../one'; did you mean 'one'?"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(
    folders: list[Path], name: str, message: str
) -> None:
    """It says which was meant, or what there is; no path leads out of a folder."""
    with pytest.raises(UnknownScenario) as caught:
        Library([], folders).load(name)

    assert str(caught.value) == message


def test_a_name_is_checked_against_those_that_there_are() -> None:
    """In any order of theirs; those are listed where none is near."""
    check_known("declines", ["waits", "declines"])
    with pytest.raises(UnknownScenario, match="did you mean 'declines'"):
        check_known("declnes", ["waits", "declines"])
    with pytest.raises(UnknownScenario, match=r"expected one of drops, waits\.$"):
        check_known("declines", ["waits", "drops"])


def test_an_empty_library_says_that_it_has_none() -> None:
    """It says so."""
    with pytest.raises(UnknownScenario, match="there are none"):
        Library([], []).load("x")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no such device here")
def test_a_file_without_an_end_is_too_long() -> None:
    """No more of it is read than shows that."""
    assert messages_of(Path("/dev/zero")) == ["the text is longer than 262144 characters"]


def test_a_long_file_is_too_long_wherever_it_is_cut(tmp_path: Path) -> None:
    """What is read of it ends within a letter."""
    file = tmp_path / "long.yaml"
    file.write_bytes(b"a" + "é".encode() * 1_000_000)
    assert messages_of(file) == ["the text is longer than 262144 characters"]


def messages_of(file: Path) -> list[str]:
    """What is wrong with a file."""
    return [problem.message for problem in read_scenario_file(file).loaded.problems]


def test_a_file_wins_over_folders(folders: list[Path], tmp_path: Path) -> None:
    """What is given by itself was meant."""
    file = tmp_path / "both.yaml"
    file.write_text(TEXT.format(name="both", about="given"), encoding="utf-8")
    assert Library([file], folders).read("both").path == str(file)


def test_a_folder_that_has_gone_has_no_scenarios(folders: list[Path], tmp_path: Path) -> None:
    """It may come back; files are looked for whenever a name is."""
    assert Library([], [tmp_path / "gone", folders[0]]).names() == ["both", "one"]


def test_files_that_a_server_is_given_are_in_its_library(folders: list[Path]) -> None:
    """Files that a server is given are known by their names, as what is shipped is."""
    file = folders[0] / "one.yml"
    settings = Settings(scenarios=(file, "both"), scenario_dirs=(folders[1],))
    assert scenario_paths(settings) == [file]
    assert {"one", "two", "lost-reply"} < set(library_of(settings).names())
    assert [file.path for file in initial_files(settings)] == [
        str(each) for each in (file, folders[1] / "both.yaml")
    ]


def test_problems_of_several_files_are_told_together(tmp_path: Path) -> None:
    """Every problem of every file, and not a word about a good one."""
    files = [tmp_path / f"{name}.yaml" for name in ("good", "bad", "worse")]
    for file, text in zip(files, ("expect: [{audit: clean}]", "", "rules: []"), strict=True):
        file.write_text(f"scenario: {file.stem}\n{text}", encoding="utf-8")
    with pytest.raises(WrongScenarios) as caught:
        initial_files(Settings(scenarios=tuple(files)))
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()[::3]] == [
        str(file) for file in files[1:]
    ]
    assert caught.value.summary == "2 problems in 2 files"


def test_problems_and_warnings_are_counted(tmp_path: Path) -> None:
    """Problems and warnings are counted apart, and one is not many."""
    warned = "scenario: w\nrules: [{request: list_payments, do: [{hang: {commit: true}}]}]\n"
    texts = {
        "w": warned,
        "two": TEXT.format(name="two", about="x"),
        "odd": "scenario: odd\nexpect: 1",
        "bytes": "\xff",
    }
    files = {}
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_bytes(text.encode("latin-1"))
        files[name] = read_scenario_file(tmp_path / f"{name}.yaml")
    assert [count_problems([file]) for file in files.values()] == [
        "no problems and 1 warning in 1 file",
        "no problems in 1 file",
        "1 problem in 1 file",
        "1 problem in 1 file",
    ]
    assert count_problems(list(files.values())) == "2 problems and 1 warning in 4 files"
