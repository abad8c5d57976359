"""The folder of `--state` with workers: each world is in the file of its owner, once."""

import os
import re
from pathlib import Path
from typing import Any

import pytest

from payments_sandbox.cli.state_file import placed_worlds, state_file_of
from payments_sandbox.core.instants import Instant
from payments_sandbox.core.output_files import reserved
from payments_sandbox.world.state_file import NoStateError, SavedWorld, read_lines, rewritten
from tests.support.in_process import new_world, snapshot


def saved(key: str, used_at: int) -> SavedWorld:
    """A world at rest."""
    return SavedWorld(key, Instant(0), Instant(used_at), snapshot(new_world()))


def write(file: Path, *worlds: SavedWorld) -> None:
    """A file of worlds."""
    file.write_bytes(b"".join(rewritten(worlds)))


def contents(folder: Path) -> dict[str, list[tuple[str, int]]]:
    """Which worlds each file has, and when they were used."""
    return {
        file.name: [(each.api_key, each.used_at) for each in read_lines(_lines(file))]
        for file in sorted(folder.iterdir())
    }


def _lines(file: Path) -> list[bytes]:
    return file.read_bytes().splitlines()


def place_worlds(folder: Path, workers: int) -> None:
    """Take the folder, and give it up."""
    with placed_worlds(folder, workers, by_number):
        assert (folder / "workers.lock").exists()


def by_number(key: str) -> int:
    """Keys end in the number of their owner."""
    return int(key[-1])


def test_worlds_go_to_the_files_of_their_owners(tmp_path: Path) -> None:
    """From files of another number of workers, and from one of no worker at all."""
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


def test_of_a_world_in_two_files_the_newest_counts(tmp_path: Path) -> None:
    """As it is where somebody was interrupted."""
    write(state_file_of(tmp_path, 0, 2), saved("sk_test_a0", 5), saved("sk_test_b1", 4))
    write(state_file_of(tmp_path, 0, 3), saved("sk_test_a0", 4), saved("sk_test_b1", 5))
    place_worlds(tmp_path, 2)
    assert contents(tmp_path) == {
        "1-of-2.state": [("sk_test_a0", 5)],
        "2-of-2.state": [("sk_test_b1", 5)],
    }


def test_a_folder_whose_files_are_right_is_left_alone(tmp_path: Path) -> None:
    """One that is not there is made, and an empty file has no world."""
    place_worlds(tmp_path / "new", 2)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    (tmp_path / "new" / "2-of-2.state").touch()
    place_worlds(tmp_path / "new", 2)
    assert [each.name for each in (tmp_path / "new").iterdir()] == ["2-of-2.state"]
    place_worlds(tmp_path / "new", 1)
    assert contents(tmp_path / "new") == {"1-of-1.state": []}


def test_a_file_that_is_no_state_or_in_use_changes_nothing(tmp_path: Path) -> None:
    """The refusal names it."""
    write(tmp_path / "one.state", saved("sk_test_a0", 1))
    with reserved(tmp_path / "one.state"), pytest.raises(NoStateError, match=r"one\.state: .*use"):
        place_worlds(tmp_path, 2)
    (tmp_path / "two.state").write_text("torn")
    with pytest.raises(NoStateError, match=r"two\.state: expected a file of format"):
        place_worlds(tmp_path, 2)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["one.state", "two.state"]


@pytest.mark.parametrize("name", ["1-of-2.state", "pipe.state"])
def test_what_is_no_file_is_refused_before_anything_waits_for_it(tmp_path: Path, name: str) -> None:
    """A pipe would be waited for until somebody writes to it, whatever signals come."""
    write(tmp_path / "one.state", saved("sk_test_a0", 1))
    os.mkfifo(tmp_path / name)
    with pytest.raises(NoStateError, match=rf"^{re.escape(name)}: expected a regular file"):
        place_worlds(tmp_path, 2)
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    with pytest.raises(NoStateError, match=rf"^{re.escape(name)}: expected a regular file"):
        place_worlds(tmp_path, 2)
    assert contents_of_one(tmp_path) == [("sk_test_a0", 1)]


def test_a_link_to_a_file_that_is_still_to_come_has_no_worlds(tmp_path: Path) -> None:
    """Where it is the file of a worker, its worlds are written to what it leads to."""
    folder = tmp_path / "worlds"
    folder.mkdir()
    write(folder / "one.state", saved("sk_test_a0", 1))
    (folder / "1-of-2.state").symlink_to(tmp_path / "kept")
    (folder / "gone.state").symlink_to(tmp_path / "gone")
    place_worlds(folder, 2)
    assert (folder / "1-of-2.state").is_symlink()
    assert contents(folder) == {"1-of-2.state": [("sk_test_a0", 1)], "2-of-2.state": []}


def contents_of_one(folder: Path) -> list[tuple[str, int]]:
    """The worlds of `one.state`, and when they were used."""
    return [(each.api_key, each.used_at) for each in read_lines(_lines(folder / "one.state"))]


def test_two_servers_have_no_folder_in_common(tmp_path: Path) -> None:
    """Whatever their numbers of workers, and before anything is saved."""
    in_use = pytest.raises(NoStateError, match="in use by pid")
    with placed_worlds(tmp_path, 2, by_number), in_use:
        place_worlds(tmp_path, 3)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has several files would have to look for it."""
    write(tmp_path / "one.state", saved("sk_test_a0", 1))
    opened = Path.open

    def refuse(file: Path, *given: Any, **options: Any) -> Any:  # noqa: ANN401 - as it is
        if file.name == "one.state" and given == ("rb",):
            raise PermissionError(13, "Permission denied")
        return opened(file, *given, **options)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(NoStateError, match=r"^one\.state: Permission denied$"):
        place_worlds(tmp_path, 2)
