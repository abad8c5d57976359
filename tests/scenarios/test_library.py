"""The library: scenarios of files and folders, by the names of their files."""

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
    """Return two folders with scenarios and other files."""
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


def test_names_are_those_of_the_files_of_all_folders(folders: list[Path]) -> None:
    assert Library([], folders).names() == ["both", "one", "two", "wrong"]


def test_an_earlier_folder_overrides_a_later_one(folders: list[Path]) -> None:
    """A team can therefore replace a shipped scenario by its own version."""
    scenario = Library([], folders).load("both").scenario

    assert scenario is not None
    assert scenario.about == "shipped"


def test_files_are_read_on_demand(folders: list[Path]) -> None:
    """Edited and new files count; invalid bytes do not raise."""
    library = Library([], folders)
    (folders[0] / "one.yml").write_bytes(b"scenario: one\nabout: \xff\n")
    (folders[0] / "new.yaml").write_text(TEXT.format(name="new", about="x"), encoding="utf-8")

    assert "new" in library.names()
    assert library.load("one").scenario is None


def test_a_file_in_another_encoding_is_reported_with_its_other_problems(tmp_path: Path) -> None:
    file = tmp_path / "cafe.yaml"
    file.write_bytes(b"scenario: cafe\nabout: caf\xe9\nexpct: 1\nexpect: [{audit: clean}]\n")

    assert [problem.message for problem in read_scenario_file(file).loaded.problems] == [
        "the file is not UTF-8",
        "unknown key 'expct'",
    ]


def test_a_file_in_another_encoding_is_reported_at_its_first_wrong_byte(tmp_path: Path) -> None:
    """The encoding is not guessed."""
    file = tmp_path / "cafe.yaml"
    file.write_bytes("scenario: cafe\nabout: Grüße, é\n".encode().replace(b"\xc3\xa9", b"\xe9"))
    read = read_scenario_file(file)

    assert read.loaded.scenario is None
    told, _ = read.lint()  # the rest: missing expectations
    assert told.splitlines() == [
        f"{file}:2:15: the file is not UTF-8; save the file as UTF-8",
        "    about: Grüße, \ufffd",
        "                  ^",
    ]


def test_iterating_a_library_yields_valid_and_invalid_scenarios(folders: list[Path]) -> None:
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
def test_an_unknown_name_is_rejected_with_the_closest_or_all_names(
    folders: list[Path], name: str, message: str
) -> None:
    """A name cannot be a path that leads out of a folder."""
    with pytest.raises(UnknownScenario) as caught:
        Library([], folders).load(name)

    assert str(caught.value) == message


def test_check_known_accepts_known_names_and_suggests_for_others() -> None:
    """If no name is similar, all are listed."""
    check_known("declines", ["waits", "declines"])
    with pytest.raises(UnknownScenario, match="did you mean 'declines'"):
        check_known("declnes", ["waits", "declines"])
    with pytest.raises(UnknownScenario, match=r"expected one of drops, waits\.$"):
        check_known("declines", ["waits", "drops"])


def test_an_empty_library_says_that_it_has_no_scenarios() -> None:
    with pytest.raises(UnknownScenario, match="there are none"):
        Library([], []).load("x")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no such device here")
def test_an_endless_file_is_rejected_as_too_long() -> None:
    """Reading stops at the limit."""
    assert messages_of(Path("/dev/zero")) == ["the text is longer than 262144 characters"]


def test_a_long_file_is_rejected_even_if_cut_within_a_character(tmp_path: Path) -> None:
    """The part that is read ends in the middle of a character."""
    file = tmp_path / "long.yaml"
    file.write_bytes(b"a" + "é".encode() * 1_000_000)
    assert messages_of(file) == ["the text is longer than 262144 characters"]


def messages_of(file: Path) -> list[str]:
    """Return the problems of a file."""
    return [problem.message for problem in read_scenario_file(file).loaded.problems]


def test_a_given_file_overrides_folders(folders: list[Path], tmp_path: Path) -> None:
    file = tmp_path / "both.yaml"
    file.write_text(TEXT.format(name="both", about="given"), encoding="utf-8")
    assert Library([file], folders).read("both").path == str(file)


def test_a_missing_folder_has_no_scenarios(folders: list[Path], tmp_path: Path) -> None:
    """It may be created later: folders are read whenever names are needed."""
    assert Library([], [tmp_path / "gone", folders[0]]).names() == ["both", "one"]


def test_scenario_files_of_the_settings_are_in_the_library(folders: list[Path]) -> None:
    """They are known by name, like shipped scenarios."""
    file = folders[0] / "one.yml"
    settings = Settings(scenarios=(file, "both"), scenario_dirs=(folders[1],))
    assert scenario_paths(settings) == [file]
    assert {"one", "two", "lost-reply"} < set(library_of(settings).names())
    assert [file.path for file in initial_files(settings)] == [
        str(each) for each in (file, folders[1] / "both.yaml")
    ]


def test_problems_of_several_files_are_reported_together(tmp_path: Path) -> None:
    """Valid files are not mentioned."""
    files = [tmp_path / f"{name}.yaml" for name in ("good", "bad", "worse")]
    for file, text in zip(files, ("expect: [{audit: clean}]", "", "rules: []"), strict=True):
        file.write_text(f"scenario: {file.stem}\n{text}", encoding="utf-8")
    with pytest.raises(WrongScenarios) as caught:
        initial_files(Settings(scenarios=tuple(files)))
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()[::3]] == [
        str(file) for file in files[1:]
    ]
    assert caught.value.summary == "2 problems in 2 files"


def test_problems_and_warnings_are_counted_separately(tmp_path: Path) -> None:
    """Singular and plural are used correctly."""
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
