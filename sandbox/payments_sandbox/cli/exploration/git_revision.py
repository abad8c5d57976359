"""Owns trees of earlier revisions: git checks them out temporarily."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from payments_sandbox.cli.failure import MISTAKEN, CommandFailedError


class Revision(NamedTuple):
    """A revision of a repository; `folder` is the working folder relative to its top."""

    name: str
    commit: str
    folder: str


def find_revision(name: str) -> Revision:
    """Find a revision by its name.

    Raises:
        CommandFailedError: there is no git, no repository or no such revision; or it is the current
            one, and nothing has changed since.
    """
    try:
        folder = _git("rev-parse", "--show-prefix")
    except subprocess.CalledProcessError:
        raise CommandFailedError(
            f"prove compares two trees of a git repository, and {Path.cwd()} is not in one;"
            " --against also accepts the JSON report of an earlier exploration",
            MISTAKEN,
        ) from None
    try:
        commit = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    except subprocess.CalledProcessError:
        raise CommandFailedError(
            f"--against: there is no revision '{name}'; git log lists them", MISTAKEN
        ) from None
    if commit == _head() and not _git("status", "--porcelain"):
        raise CommandFailedError(
            f"--against: nothing has changed since {name}; name an earlier revision, such as"
            f" {name}~1",
            MISTAKEN,
        )
    return Revision(name, commit, folder)


@contextmanager
def tree_of(revision: Revision) -> Iterator[Path]:
    """Check out a revision until the block ends, and yield the working folder in its tree.

    Raises:
        CommandFailedError: git fails, or the tree has no such folder.
    """
    with tempfile.TemporaryDirectory(prefix="payments-sandbox-") as temporary:
        tree = Path(temporary) / "tree"
        try:
            # The team's checkout hooks are meant for the tree that people work in.
            _git(
                "-c", f"core.hooksPath={os.devnull}",
                "worktree", "add", "--detach", "--quiet", str(tree), revision.commit,
            )  # fmt: skip
        except subprocess.CalledProcessError as error:
            last = str(error.stderr).strip().rpartition("\n")[2]
            raise CommandFailedError(f"cannot check out {revision.name}: {last}") from None
        try:
            if not (folder := tree / revision.folder).is_dir():
                raise CommandFailedError(
                    f"the tree of {revision.name} has no folder {revision.folder}", MISTAKEN
                )
            yield folder
        finally:
            with suppress(subprocess.CalledProcessError):  # it may have been removed already
                _git("worktree", "remove", "--force", str(tree))


def _head() -> str | None:
    with suppress(subprocess.CalledProcessError):
        return _git("rev-parse", "--verify", "--quiet", "HEAD")
    return None


def _git(*words: str) -> str:
    """Run git, and return its output.

    Raises:
        CalledProcessError: git fails.
        CommandFailedError: there is no git.
    """
    try:
        done = subprocess.run(  # noqa: S603 - each word is ours, or only a name to git
            ["git", *words],  # noqa: S607 - the user's git
            capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except FileNotFoundError:
        raise CommandFailedError("prove requires git, which is not installed", MISTAKEN) from None
    return done.stdout.strip()
