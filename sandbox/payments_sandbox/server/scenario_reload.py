"""Owns the reloading of scenario files that users edit while the server runs."""

import logging
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.settings import Settings
from payments_sandbox.core.wording import counted
from payments_sandbox.rules.scenario import Scenario
from payments_sandbox.scenarios.activation import check_combination, reload
from payments_sandbox.scenarios.library import (
    Library,
    ScenarioFile,
    UnknownScenario,
    count_problems,
    scenario_paths,
)
from payments_sandbox.server.world_runtime import WorldRuntime
from payments_sandbox.world.world import ResetScope, World

_log: Final = logging.getLogger(__name__)

Stamp = tuple[int, int, int, int]
"""Identifies a version of a file: its device, inode, modification time and size."""

_STAYS: Final = "it was not reloaded"


class ScenarioReloader:
    """Keeps the last valid version of each of the users' scenario files."""

    def __init__(self, settings: Settings, runtime: WorldRuntime) -> None:
        self._runtime = runtime
        self._library = Library(scenario_paths(settings), settings.scenario_dirs)
        self._stamps = self._look()
        self._read_stamps = dict(self._stamps)
        self._texts: dict[str, str] = {}
        self._good: dict[str, Scenario] = {}
        for name in self._library.names():
            file = self._library.read(name)
            self._texts[name] = file.text
            if file.loaded.scenario is not None:
                self._good[name] = file.loaded.scenario

    def reload(self, names: Iterable[str]) -> None:
        """Read the files of these names again.

        A valid file replaces its previous version in every world where that is active, and in
        worlds made later. The problems of an invalid file are logged, and the previous version
        stays.
        """
        for name in sorted(names):
            try:
                self._take(name, self._library.read(name))
            except (UnknownScenario, OSError):
                if self._texts.pop(name, None) is not None and name in self._good:
                    _log.warning("cannot read the file of %s; %s", name, _STAYS)

    def reload_changed(self) -> None:
        """Read again the files that have changed, but only those unchanged since the last check.

        So a file that is just being written is left for the next check. Versions are compared by
        `Stamp`, with links followed.
        """
        last, self._stamps = self._stamps, self._look()
        for name in sorted(self._stamps.keys() | self._read_stamps.keys()):
            stamp = self._stamps.get(name)
            if stamp == last.get(name) and stamp != self._read_stamps.get(name):
                self._read_stamps[name] = stamp
                self.reload([name])

    def _look(self) -> dict[str, Stamp | None]:
        stamps: dict[str, Stamp | None] = {}
        for name, file in self._library.files().items():
            with suppress(OSError):  # the file was removed meanwhile
                found = Path(str(file)).stat()
                stamps[name] = found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
        return stamps

    def _take(self, name: str, file: ScenarioFile) -> None:
        if file.text == self._texts.get(name):
            return
        self._texts[name] = file.text
        for problem in file.lint():
            _log.warning(problem)
        if file.loaded.scenario is None:
            _log.warning("%s has %s; %s", name, count_problems([file]), _STAYS)
            return
        try:
            self._replace(name, self._good.get(name), file.loaded.scenario)
        except InvalidRequest as error:
            problem = str(error.details).removeprefix("/: ").rstrip(".")
            _log.warning("%s: %s; %s", name, problem, _STAYS)

    def _replace(self, name: str, before: Scenario | None, now: Scenario) -> None:
        """Replace a scenario in every world where exactly this version of it is active.

        A scenario of the same name that was sent to the control API is a different one, and stays.

        Raises:
            InvalidRequest: new worlds could not start with the new version.
        """
        worlds = self._runtime.worlds
        coming = [now if each == before else each for each in worlds.context.scenarios]
        check_combination(worlds.home, coming)
        worlds.context = worlds.context._replace(scenarios=tuple(coming))
        self._good[name] = now
        if before in (None, now):
            return
        found = [world for world in worlds if before in world.rules.scenarios]
        for world in found:
            self._reload(world, now)
        _log.info("%s was reloaded in %s", name, counted(len(found), "world"))

    def _reload(self, world: World, scenario: Scenario) -> None:
        world.catch_up()
        reload(world, scenario)
        self._runtime.reset(world, {ResetScope.RULES})
