"""Worktrees of earlier git revisions."""

import subprocess
from pathlib import Path

import pytest

from payments_sandbox.cli.exploration.git_revision import find_revision, tree_of
from payments_sandbox.cli.failure import CommandFailedError


def git(*words: str) -> None:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    subprocess.run(["git", *identity, *words], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository with two commits of a file; the second adds a folder."""
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)
    git("init", "--quiet")
    (folder / "pay.py").write_text("old")
    git("add", ".")
    git("commit", "--quiet", "-m", "Old")
    (folder / "pay.py").write_text("new")
    (folder / "more").mkdir()
    (folder / "more" / "pay.py").write_text("newer")
    git("add", ".")
    git("commit", "--quiet", "-m", "New")
    return folder


def test_the_worktree_of_a_revision_is_removed_after_the_block(repository: Path) -> None:
    with tree_of(find_revision("HEAD~1")) as folder:
        assert (folder / "pay.py").read_text() == "old"
        assert (repository / "pay.py").read_text() == "new"

    assert not folder.parent.exists()
    listed = subprocess.run(["git", "worktree", "list"], check=True, capture_output=True, text=True)
    assert len(listed.stdout.splitlines()) == 1


@pytest.mark.usefixtures("repository")
def test_the_worktree_is_removed_if_the_block_raises() -> None:
    with pytest.raises(ZeroDivisionError), tree_of(find_revision("HEAD~1")) as folder:
        _ = 1 / 0

    assert not folder.exists()


def test_a_subfolder_maps_to_the_same_subfolder_of_the_worktree(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "more" / "pay.py").write_text("changed")
    monkeypatch.chdir(repository / "more")

    with tree_of(find_revision("HEAD")) as folder:
        assert (folder / "pay.py").read_text() == "newer"

    without = tree_of(find_revision("HEAD~1"))
    with pytest.raises(CommandFailedError, match="the tree of HEAD~1 has no folder more"), without:
        pass


def test_checking_out_the_worktree_runs_no_git_hooks(repository: Path) -> None:
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {repository}/hooked\n")
    hook.chmod(0o755)

    with tree_of(find_revision("HEAD~1")):
        pass

    assert not (repository / "hooked").exists()


def test_head_is_rejected_without_uncommitted_changes(
    repository: Path,
) -> None:
    with pytest.raises(CommandFailedError, match=r"nothing has changed since HEAD; .* HEAD~1"):
        find_revision("HEAD")
    (repository / "pay.py").write_text("newest")

    assert find_revision("HEAD").folder == ""


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize("name", ["nowhere", "--all", "HEAD~7"])
def test_an_unknown_revision_exits_2(name: str) -> None:
    with pytest.raises(
        CommandFailedError, match=f"there is no revision '{name}'; git log"
    ) as refused:
        find_revision(name)
    assert refused.value.code == 2


def test_a_folder_outside_a_repository_is_rejected_with_an_alternative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    with pytest.raises(
        CommandFailedError, match="is not in one; --against also accepts the JSON report"
    ):
        find_revision("HEAD")


def test_missing_git_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(CommandFailedError, match="prove requires git, which is not installed"):
        find_revision("HEAD")
