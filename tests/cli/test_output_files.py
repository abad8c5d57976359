"""Output files are written atomically: no partial file is ever left."""

import os
from pathlib import Path

import pytest

from payments_sandbox.cli.output_files import UnwritableError, write_whole


def test_an_existing_file_is_replaced_and_no_temporary_file_is_left(tmp_path: Path) -> None:
    """The text is encoded as UTF-8 without changing line ends."""
    file = tmp_path / "report.txt"
    file.write_text("a longer report of yesterday")
    write_whole(file, "3 × met\n")
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {
        "report.txt": b"3 \xc3\x97 met\n"
    }


def test_bytes_of_a_path_that_are_not_utf_8_are_written_as_question_marks(tmp_path: Path) -> None:
    """Python reads them as half surrogate pairs, also where the locale is C."""
    file = tmp_path / os.fsdecode(b"caf\xe9")
    write_whole(file, str(file.name))
    assert file.read_bytes() == b"caf?"


def test_a_failed_write_leaves_the_folder_unchanged(tmp_path: Path) -> None:
    """The path is a folder, which stays."""
    (folder := tmp_path / "report.txt").mkdir()
    with pytest.raises(UnwritableError, match=r"^cannot write .*report\.txt: Is a directory$"):
        write_whole(folder, "text")
    assert list(tmp_path.iterdir()) == [folder]
