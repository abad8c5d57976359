"""Owns `--watch`: it notices edits of scenario files, and has them reloaded.

The system reports changed names in the watched folders at once. It does not report changes behind a
link, in a folder that was removed and made again, or of files on another machine. So the files are
also checked periodically.
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
"""Wall milliseconds between two checks of the files, if the system reports nothing meanwhile."""


def watching(sandbox: "AssembledServer") -> AbstractAsyncContextManager[None]:
    """Watch the scenario files until the block ends."""
    settings = sandbox.settings
    # Folders rather than files, because many editors replace a file by a new one.
    folders = {*settings.scenario_dirs, *(file.parent for file in scenario_paths(settings))}
    reloader = ScenarioReloader(settings, sandbox.runtime)
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it logs every change
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
    except (OSError, RuntimeError):  # of the file system: the server continues without --watch
        _log.exception("--watch has stopped: scenarios are no longer reloaded")
