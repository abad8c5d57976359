"""Owns `--watch`: it notices when files of scenarios are edited, and has them read again.

The system tells of names in the folders that are watched, and at once. It does not tell of what a
link leads to, of a folder that was removed and made again, nor of files on another machine. So the
files are also looked at now and then.
"""

import logging
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from watchfiles import awatch

from payments_sandbox.scenarios.library import name_of, scenario_paths
from payments_sandbox.server.background import beside
from payments_sandbox.server.scenario_reload import ScenarioReloader

if TYPE_CHECKING:
    from payments_sandbox.server.factory import AssembledServer

_log: Final = logging.getLogger(__name__)

QUIET: Final = 100
"""Wall milliseconds without a change after which a file counts as written."""

LOOK_EVERY: Final = 500
"""Wall milliseconds between two looks at the files, if the system tells of nothing meanwhile."""


def watching(sandbox: "AssembledServer") -> AbstractAsyncContextManager[None]:
    """Watch until the block ends."""
    settings = sandbox.settings
    # Folders, for many editors put a new file in the place of the old one.
    folders = {*settings.scenario_dirs, *(file.parent for file in scenario_paths(settings))}
    reloader = ScenarioReloader(settings, sandbox.runtime)
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it tells of every change
    return beside(_watch(folders, reloader))


async def _watch(folders: Iterable[Path], reloader: ScenarioReloader) -> None:
    try:
        async for changes in awatch(
            *folders,
            watch_filter=None,
            step=QUIET,
            recursive=False,
            rust_timeout=LOOK_EVERY,
            yield_on_timeout=True,
        ):
            names = (name_of(Path(path).name) for _, path in changes)
            reloader.reload({name for name in names if name is not None})
            reloader.reload_changed()
    except (OSError, RuntimeError):  # of the file system: the server goes on without
        _log.exception("--watch has ended: scenarios are not reloaded any more")
