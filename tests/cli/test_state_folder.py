"""The folder of `--state` with workers: each world is exactly once in its owner's file."""

import errno
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from payments_sandbox.cli.state_file import placed_worlds, state_file_of
from payments_sandbox.core.instants import Instant
from payments_sandbox.core.output_files import reserved
from payments_sandbox.world.state_file import NoStateError, SavedWorld, read_lines, rewritten
from tests.support.in_process import new_world, snapshot


def saved(key: str, used_at: int) -> SavedWorld:
    """Return a saved world."""
    return SavedWorld(key, Instant(0), Instant(used_at), snapshot(new_world()))


def write(file: Path, *worlds: SavedWorld) -> None:
    """Write a state file with worlds."""
    file.write_bytes(b"".join(rewritten(worlds)))


def contents(folder: Path) -> dict[str, list[tuple[str, int]]]:
    """Return the worlds of each file, and when they were used."""
    return {
        file.name: [(each.api_key, each.used_at) for each in read_lines(_lines(file))]
        for file in sorted(folder.iterdir())
    }


def _lines(file: Path) -> list[bytes]:
    return file.read_bytes().splitlines()


def place_worlds(folder: Path, workers: int) -> None:
    """Use the folder, and release it."""
    with placed_worlds(folder, workers, by_number):
        assert (folder / "workers.lock").exists()


def by_number(key: str) -> int:
    """Return the owner of a key: keys end in its number."""
    return int(key[-1])


def test_worlds_are_moved_to_the_files_of_the_workers_that_own_them(tmp_path: Path) -> None:
    """The files are of another number of workers, or of a server without workers."""
    write(state_file_of(tmp_path, 0, 1), saved("sk_test_a1", 3), saved("sk_test_b0", 1))
    write(tmp_path / "one.state", saved("sk_test_c1", 2))
    (tmp_path / "notes.txt").write_text("not ours")
    place_worlds(tmp_path, 2)
    (tmp_path / "notes.txt").unlink()
    assert contents(tmp_path) == {
        "1-of-2.state": [("sk_test_b0", 1)],
        "2-of-2.state": [("sk_test_c1", 2), ("sk_test_a1", 3)],
    }
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}


def test_the_most_recently_used_copy_of_a_duplicated_world_is_kept(tmp_path: Path) -> None:
    """An interrupted move leaves such duplicates."""
    write(state_file_of(tmp_path, 0, 2), saved("sk_test_a0", 5), saved("sk_test_b1", 4))
    write(state_file_of(tmp_path, 0, 3), saved("sk_test_a0", 4), saved("sk_test_b1", 5))
    place_worlds(tmp_path, 2)
    assert contents(tmp_path) == {
        "1-of-2.state": [("sk_test_a0", 5)],
        "2-of-2.state": [("sk_test_b1", 5)],
    }


def test_a_missing_folder_is_created_and_correct_files_are_kept(tmp_path: Path) -> None:
    """An empty file counts as one without worlds."""
    place_worlds(tmp_path / "new", 2)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    (tmp_path / "new" / "2-of-2.state").touch()
    place_worlds(tmp_path / "new", 2)
    assert [each.name for each in (tmp_path / "new").iterdir()] == ["2-of-2.state"]
    place_worlds(tmp_path / "new", 1)
    assert contents(tmp_path / "new") == {"1-of-1.state": []}


def test_worlds_in_the_file_of_another_worker_go_to_their_owner(tmp_path: Path) -> None:
    """Such files were renamed, or a single server used one of them meanwhile."""
    write(state_file_of(tmp_path, 0, 2), saved("sk_test_a1", 3), saved("sk_test_b0", 1))
    write(state_file_of(tmp_path, 1, 2), saved("sk_test_c0", 2))
    (tmp_path / "misplaced-1-1-of-2.state").symlink_to("nowhere")  # the name is taken
    place_worlds(tmp_path, 2)
    assert contents(tmp_path) == {
        "1-of-2.state": [("sk_test_b0", 1), ("sk_test_c0", 2)],
        "2-of-2.state": [("sk_test_a1", 3)],
    }


def test_no_world_is_lost_if_placing_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a full disk, after the first file was written."""
    write(state_file_of(tmp_path, 0, 2), saved("sk_test_a1", 3), saved("sk_test_b0", 1))
    files = iter([1, 0])

    def full_in_the_end(worlds: Iterable[SavedWorld]) -> list[bytes]:
        if next(files):
            return rewritten(worlds)
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patched:
        patched.setattr("payments_sandbox.cli.state_file.rewritten", full_in_the_end)
        with pytest.raises(OSError, match="full"):
            place_worlds(tmp_path, 2)
    place_worlds(tmp_path, 2)
    assert contents(tmp_path) == {
        "1-of-2.state": [("sk_test_b0", 1)],
        "2-of-2.state": [("sk_test_a1", 3)],
    }


def test_a_world_that_nobody_has_used_replaces_no_other(tmp_path: Path) -> None:
    """The home world of a single server that used a worker's file is newer than the real one."""
    write(tmp_path / "one.state", saved("sk_test_a0", 9)._replace(made_at=Instant(9)))
    write(tmp_path / "two.state", saved("sk_test_a0", 5))
    place_worlds(tmp_path, 1)
    assert contents(tmp_path) == {"1-of-1.state": [("sk_test_a0", 5)]}


def test_different_worlds_of_one_key_are_refused(tmp_path: Path) -> None:
    """One of them would be lost; the file of another worker is renamed, but no world moves."""
    write(state_file_of(tmp_path, 0, 2), saved("sk_test_a1", 9)._replace(made_at=Instant(8)))
    write(state_file_of(tmp_path, 1, 2), saved("sk_test_a1", 5))
    kept = {"2-of-2.state": [("sk_test_a1", 5)], "misplaced-1-1-of-2.state": [("sk_test_a1", 9)]}
    text = "2-of-2.state and misplaced-1-1-of-2.state have different worlds of sk_test_a1: move"
    for _ in range(2):
        with pytest.raises(NoStateError, match=f"^{re.escape(text)} one"):
            place_worlds(tmp_path, 2)
        assert contents(tmp_path) == kept


def test_an_invalid_or_used_file_is_named_and_nothing_is_changed(tmp_path: Path) -> None:
    write(tmp_path / "one.state", saved("sk_test_a0", 1))
    with reserved(tmp_path / "one.state"), pytest.raises(NoStateError, match=r"one\.state: .*use"):
        place_worlds(tmp_path, 2)
    (tmp_path / "two.state").write_text("torn")
    with pytest.raises(NoStateError, match=r"two\.state: expected a file of format"):
        place_worlds(tmp_path, 2)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["one.state", "two.state"]


@pytest.mark.parametrize("name", ["1-of-2.state", "pipe.state"])
def test_a_pipe_or_folder_named_like_a_state_file_is_rejected(tmp_path: Path, name: str) -> None:
    """Opening a pipe would block until somebody writes to it, despite signals."""
    write(tmp_path / "one.state", saved("sk_test_a0", 1))
    os.mkfifo(tmp_path / name)
    with pytest.raises(NoStateError, match=rf"^{re.escape(name)}: expected a regular file"):
        place_worlds(tmp_path, 2)
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    with pytest.raises(NoStateError, match=rf"^{re.escape(name)}: expected a regular file"):
        place_worlds(tmp_path, 2)
    assert contents_of_one(tmp_path) == [("sk_test_a0", 1)]


def test_a_dangling_symlink_counts_as_empty_and_its_target_is_written(tmp_path: Path) -> None:
    """If the link is a worker's file, its worlds are written to the target of the link."""
    folder = tmp_path / "worlds"
    folder.mkdir()
    write(folder / "one.state", saved("sk_test_a0", 1))
    (folder / "1-of-2.state").symlink_to(tmp_path / "kept")
    (folder / "gone.state").symlink_to(tmp_path / "gone")
    place_worlds(folder, 2)
    assert (folder / "1-of-2.state").is_symlink()
    assert contents(folder) == {"1-of-2.state": [("sk_test_a0", 1)], "2-of-2.state": []}


def contents_of_one(folder: Path) -> list[tuple[str, int]]:
    """Return the worlds of `one.state`, and when they were used."""
    return [(each.api_key, each.used_at) for each in read_lines(_lines(folder / "one.state"))]


def test_a_folder_in_use_is_rejected_for_any_number_of_workers(tmp_path: Path) -> None:
    """The lock is taken before anything is saved."""
    in_use = pytest.raises(NoStateError, match="in use by pid")
    with placed_worlds(tmp_path, 2, by_number), in_use:
        place_worlds(tmp_path, 3)
    assert list(tmp_path.iterdir()) == []


def test_an_unreadable_file_is_reported_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With several files, the user would otherwise have to search for it."""
    write(tmp_path / "one.state", saved("sk_test_a0", 1))
    opened = Path.open

    def refuse(file: Path, *given: Any, **options: Any) -> Any:  # noqa: ANN401 - any arguments
        if file.name == "one.state" and given == ("rb",):
            raise PermissionError(13, "Permission denied")
        return opened(file, *given, **options)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(NoStateError, match=r"^one\.state: Permission denied$"):
        place_worlds(tmp_path, 2)
