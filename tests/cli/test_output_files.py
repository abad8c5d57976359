"""Files that are written as a whole: whatever happens, nothing half written is left."""

from pathlib import Path

import pytest

from payments_sandbox.cli.output_files import UnwritableError, write_whole


def test_what_was_there_is_replaced(tmp_path: Path) -> None:
    """Byte for byte, and nothing stays beside it."""
    file = tmp_path / "report.txt"
    file.write_text("a longer report of yesterday")
    write_whole(file, "3 × met\n")
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {
        "report.txt": b"3 \xc3\x97 met\n"
    }


def test_what_cannot_be_written_leaves_all_as_it_was(tmp_path: Path) -> None:
    """A folder is in its place, and stays; so does nothing else."""
    (folder := tmp_path / "report.txt").mkdir()
    with pytest.raises(UnwritableError, match=r"^cannot write .*report\.txt: Is a directory$"):
        write_whole(folder, "text")
    assert list(tmp_path.iterdir()) == [folder]
