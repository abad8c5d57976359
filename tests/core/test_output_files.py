"""Tests that files are written completely or not at all, also through links, devices and pipes."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from payments_sandbox.core.output_files import (
    FileInUseError,
    check_writable,
    remove_file,
    replaced,
    reserved,
)
from tests.project.tree import ROOT

TEXT = b"3 met\n"


def write(file: Path, text: bytes = TEXT, *, is_private: bool = False) -> None:
    """Write a file."""
    with replaced(file, is_private=is_private) as written:
        written.write(text)


def contents(folder: Path) -> dict[str, bytes]:
    """Return the contents of every file of a folder, by name."""
    return {each.name: each.read_bytes() for each in folder.iterdir()}


def mode(file: Path) -> int:
    """Return the permissions of a file."""
    return stat.S_IMODE(file.stat().st_mode)


def test_writing_replaces_the_file_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    """A process that has the old one open still reads the old one."""
    file = tmp_path / "report"
    file.write_bytes(b"a longer report of yesterday")
    with file.open("rb") as old:
        write(file)
        assert old.read() == b"a longer report of yesterday"
    assert contents(tmp_path) == {"report": TEXT}


def test_a_failing_write_leaves_the_old_file_unchanged(tmp_path: Path) -> None:
    """And no temporary file."""
    file = tmp_path / "report"
    file.write_bytes(b"yesterday")

    def fail() -> None:
        with replaced(file) as written:
            written.write(TEXT)
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        fail()
    assert contents(tmp_path) == {"report": b"yesterday"}


def test_writing_through_symbolic_links_keeps_the_links(tmp_path: Path) -> None:
    """A link to a link, relative and absolute, to a file that exists or not yet."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real/far")
    (tmp_path / "real" / "far").symlink_to(tmp_path / "real" / "file")
    for _ in range(2):
        write(tmp_path / "link")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "real" / "far").is_symlink()
        assert (tmp_path / "real" / "file").read_bytes() == TEXT
    remove_file(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert not (tmp_path / "real" / "file").exists()


def test_a_part_file_left_by_a_killed_writer_is_removed(tmp_path: Path) -> None:
    """Of another process, and of our own pid: in a container it is always 1."""
    for pid in (999_999_999, os.getpid()):
        (tmp_path / f"report.{pid}.part").write_bytes(b"half")
    (tmp_path / "other.1.part").write_bytes(b"not ours")
    write(tmp_path / "report")
    assert contents(tmp_path) == {"report": TEXT, "other.1.part": b"not ours"}


def test_a_part_file_that_another_process_is_writing_is_left_alone(tmp_path: Path) -> None:
    """Its writer has it locked."""
    program = (
        "import sys; from pathlib import Path;"
        " from payments_sandbox.core.output_files import replaced\n"
        "with replaced(Path(sys.argv[1])) as written:\n"
        "    print('writing', flush=True); written.write(sys.stdin.buffer.read())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "report")],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdout.readline()
        write(tmp_path / "report", b"ours")
        other.stdin.write(TEXT)
        other.stdin.close()
        assert other.wait() == 0
    assert contents(tmp_path) == {"report": TEXT}


def test_writing_a_private_file_removes_all_other_permissions(tmp_path: Path) -> None:
    """Even if an earlier release wrote it for all."""
    file = tmp_path / "state"
    file.write_bytes(b"")
    file.chmod(0o644)
    write(file, is_private=True)
    assert mode(file) == 0o600


def test_a_replaced_file_keeps_its_permissions(tmp_path: Path) -> None:
    file = tmp_path / "report"
    for wanted in (0o640, 0o664):
        file.write_bytes(b"")
        file.chmod(wanted)
        write(file)
        assert mode(file) == wanted


def test_writing_to_a_device_keeps_it_a_device(tmp_path: Path) -> None:
    """By its name or by a link; it is not removed either."""
    (tmp_path / "link").symlink_to(os.devnull)
    for file in (Path(os.devnull), tmp_path / "link"):
        check_writable(file)
        write(file, is_private=True)
        remove_file(file)
        assert stat.S_ISCHR(file.stat().st_mode)
    assert mode(Path(os.devnull)) == 0o666


def test_a_pipe_is_written_to_if_it_has_a_reader(tmp_path: Path) -> None:
    """Without one, writing fails at once; it stays a pipe."""
    os.mkfifo(pipe := tmp_path / "pipe")
    with pytest.raises(OSError, match="No such device or address"):
        write(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        with pipe.open("wb"):  # waits for the reader
            write(pipe)
        assert reader.communicate()[0] == TEXT
    remove_file(pipe)
    assert pipe.is_fifo()


STREAM = """
import sys
from pathlib import Path
from payments_sandbox.core.output_files import remove_file, replaced
print("before", flush=True)
file = Path(sys.argv[1])
remove_file(file)
with replaced(file) as written:
    written.write(b"written\\n")
print("after", flush=True)
"""
ALL = b"before\nwritten\nafter\n"


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
def test_writing_to_the_name_of_our_own_stdout_keeps_earlier_output(
    tmp_path: Path, name: str
) -> None:
    """Whether it is a pipe or a file."""
    (tmp_path / "link").symlink_to("/dev/stdout")
    command = [sys.executable, "-c", STREAM, name if name != "link" else str(tmp_path / name)]
    assert subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout == ALL
    with (tmp_path / "out").open("wb") as out:
        subprocess.run(command, cwd=ROOT, stdout=out, check=True)
    assert (tmp_path / "out").read_bytes() == ALL


def test_a_deleted_file_that_is_still_open_is_written_in_place(tmp_path: Path) -> None:
    """A link of /proc leads to it, but nothing can be renamed over it."""
    with (tmp_path / "gone").open("w+b") as opened:
        opened.write(b"something longer")
        opened.flush()
        (tmp_path / "gone").unlink()
        write(Path(f"/dev/fd/{opened.fileno()}"))
        opened.seek(0)
        assert opened.read() == TEXT
    assert contents(tmp_path) == {}


MOUNTED = """
set -e
printf 'something longer' > {folder}/file; touch {folder}/mount
mount --bind {folder}/file {folder}/mount
exec "$@"
"""
READ_ONLY = """
set -e
mkdir {folder}/ro; printf 'something longer' > {folder}/ro/file; touch {folder}/file
mount --bind {folder}/ro {folder}/ro; mount --bind {folder}/file {folder}/ro/file
mount -o remount,bind,ro {folder}/ro
exec "$@"
"""
WRITE = """
import os, sys
from pathlib import Path
from payments_sandbox.core.output_files import check_writable, remove_file, replaced
file = Path(sys.argv[1])
check_writable(file)
remove_file(file)
print(file.stat().st_size)
with replaced(file) as written:
    written.write(b"something longer")
with replaced(file, is_private=True) as written:
    written.write(b"short")
print(file.read_text(), sorted(os.listdir(file.parent)))
"""


def mounts(
    script: str, folder: Path, program: str, *words: str
) -> subprocess.CompletedProcess[str]:
    """Run a program in a separate mount namespace, or skip if that is not permitted."""
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode:
        pytest.skip("mounts of its own are not permitted here")
    script = script.format(folder=folder)
    command = [sys.executable, "-c", program, *words]
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="mounts are Linux'")
def test_a_mounted_file_is_written_in_place(tmp_path: Path) -> None:
    """It is emptied instead of removed, and truncated to what is written."""
    done = mounts(MOUNTED, tmp_path, WRITE, str(tmp_path / "mount"))
    assert (done.stdout, done.stderr) == ("0\nshort ['file', 'mount']\n", "")
    assert (tmp_path / "file").read_bytes() == b"short"


@pytest.mark.skipif(sys.platform != "linux", reason="mounts are Linux'")
def test_a_writable_file_in_a_read_only_folder_is_written_in_place(tmp_path: Path) -> None:
    done = mounts(READ_ONLY, tmp_path, WRITE, str(tmp_path / "ro" / "file"))
    assert (done.stdout, done.stderr) == ("0\nshort ['file']\n", "")


@pytest.mark.skipif(sys.platform != "linux", reason="mounts are Linux'")
def test_a_new_file_in_a_read_only_folder_is_rejected_by_check_writable(tmp_path: Path) -> None:
    """With the system's error text."""
    done = mounts(READ_ONLY, tmp_path, WRITE, str(tmp_path / "ro" / "new"))
    assert "in check_writable" in done.stderr
    assert "Read-only file system" in done.stderr


FULL = """
set -e
mkdir {folder}/disk; mount -t tmpfs -o size=64k none {folder}/disk; cd {folder}/disk
printf 'the worlds of yesterday' > kept; touch mount; mount --bind kept mount
head -c 1000000 /dev/zero > rest 2>/dev/null || true
exec "$@"
"""
WRITE_MUCH = """
import os
from pathlib import Path
from payments_sandbox.core.output_files import replaced, reserved
for name in ("kept", "mount", "new", "no/folder"):
    try:
        with replaced(Path(name), is_private=True) as written:
            written.write(bytes(100_000))
    except OSError as error:
        print(error.filename, error.strerror)
try:
    with reserved(Path("new")):
        print("reserved")
except OSError as error:
    print(error.strerror)
print(Path("kept").read_text(), sorted(os.listdir()))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="mounts are Linux'")
def test_a_full_disk_leaves_every_file_as_it_was_and_the_error_names_it(tmp_path: Path) -> None:
    """Also a file that is written in place, and the lock of one that cannot be reserved."""
    done = mounts(FULL, tmp_path, WRITE_MUCH)
    assert (done.stdout.splitlines(), done.stderr) == (
        [
            "kept No space left on device",
            "mount No space left on device",
            "new No space left on device",
            "no/folder No such file or directory",
            "No space left on device",
            "the worlds of yesterday ['kept', 'mount', 'rest']",
        ],
        "",
    )


def test_writing_to_a_folder_fails_and_leaves_it(tmp_path: Path) -> None:
    (folder := tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        write(folder)
    assert list(tmp_path.iterdir()) == [folder]


def test_a_circular_link_fails_with_the_systems_error(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    uses: tuple[Callable[[Path], object], ...] = (write, check_writable, remove_file)
    for use in uses:
        with pytest.raises(OSError, match="Too many levels of symbolic links"):
            use(tmp_path / "a")


HOLD = """
import sys
from pathlib import Path
from payments_sandbox.core.output_files import reserved
with reserved(Path(sys.argv[1])):
    print("has it", flush=True)
    sys.stdin.read()
"""


def hold(file: Path) -> "subprocess.Popen[str]":
    """Start a process that has reserved a file until its stdin ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "has it\n"
    return process


def same(folder: Path) -> Path:
    """Return the same path."""
    return folder / "state"


def linked(folder: Path) -> Path:
    """Return a symbolic link to the file."""
    (folder / "link").symlink_to("state")
    return folder / "link"


def hard(folder: Path) -> Path:
    """Return a hard link to the file, which has a separate lock file."""
    (folder / "else").mkdir()
    (folder / "else" / "state").hardlink_to(folder / "state")
    return folder / "else" / "state"


@pytest.mark.parametrize("other", [same, linked, hard])
def test_a_file_reserved_by_another_process_is_rejected_until_that_ends(
    tmp_path: Path, other: Callable[[Path], Path]
) -> None:
    """The error names the process if it can."""
    (tmp_path / "state").write_bytes(TEXT)
    name = other(tmp_path)
    with hold(tmp_path / "state") as holder:
        who = "another process" if other is hard else f"pid {holder.pid}"
        with pytest.raises(FileInUseError, match=f"^it is in use by {who}$"), reserved(name):
            pytest.fail("it is ours")
        holder.communicate("")
    with reserved(name):
        assert name.exists()
    assert not list(tmp_path.rglob("*.lock"))


def test_a_lock_file_that_cannot_be_opened_is_named_in_the_error(tmp_path: Path) -> None:
    (tmp_path / "state.lock").mkdir()
    with (
        pytest.raises(IsADirectoryError) as refused,
        reserved(tmp_path / "state"),
    ):
        pass  # pragma: no cover
    assert refused.value.strerror == "its lock state.lock cannot be opened: Is a directory"


def test_a_file_that_does_not_exist_yet_can_be_reserved(tmp_path: Path) -> None:
    """Only its lock file exists meanwhile; a killed process reserves nothing."""
    with hold(tmp_path / "state") as holder:
        assert contents(tmp_path) == {"state.lock": f"{holder.pid}\n".encode()}
        with pytest.raises(FileInUseError), reserved(tmp_path / "state"):
            pytest.fail("it is ours")
        holder.kill()
    assert [each.name for each in tmp_path.iterdir()] == ["state.lock"]
    with reserved(tmp_path / "state"):
        assert contents(tmp_path) == {"state.lock": f"{os.getpid()}\n".encode()}
    assert contents(tmp_path) == {}


def test_a_reserved_file_stays_reserved_after_it_is_replaced(tmp_path: Path) -> None:
    write(tmp_path / "state")
    with reserved(tmp_path / "state"):
        write(tmp_path / "state")
        with pytest.raises(FileInUseError), reserved(tmp_path / "state"):
            pytest.fail("it is ours twice")
    assert contents(tmp_path) == {"state": TEXT}


def test_a_device_can_be_reserved_by_many_at_once(tmp_path: Path) -> None:
    """It gets no lock file."""
    with reserved(Path(os.devnull)), reserved(Path(os.devnull)):
        assert not Path(f"{os.devnull}.lock").exists()
    assert contents(tmp_path) == {}
