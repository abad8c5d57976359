"""Owns what follows a test: its worlds are judged, and what they have seen is shown and kept.

Whatever is met here, the session goes on and the test's own result stands. So nothing leaves these
functions but the failure that they find, and they use none of what a test may have replaced: the
server in this process is asked without a socket, and files are written by functions that were taken
when the session began.
"""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from payments_sandbox.pytest_plugin.marks import EXPLORED_SCENARIO
from payments_sandbox.pytest_plugin.options import OPTIONS

if TYPE_CHECKING:
    from payments_sandbox.testing import Sandbox
    from payments_sandbox.testing.failure_report import WorldSection

WORLDS: Final = pytest.StashKey[list["Sandbox"]]()
"""The worlds of a test, in the order in which it has got them."""


class Ended(NamedTuple):
    """A world that a test has dropped or begun anew, and why the test fails by what it had seen."""

    world: "Sandbox"
    reason: str
    section: "WorldSection | None"


ENDED: Final = pytest.StashKey[list[Ended]]()
"""Those of a test; there as long as its own part runs, and after it."""


SHARED: Final = pytest.StashKey[set[str]]()
"""The keys of worlds that fixtures of the suite have given to tests of this session."""

OWNER: Final = pytest.StashKey[pytest.Item | None]()
"""Of the session: the test whose own part, or fixture, runs now."""

LEFT: Final = pytest.StashKey[dict[str, list[str]]]()
"""Of the session, by world: the scenarios by which tests that are over had expected something."""

BEGAN: Final = pytest.StashKey[dict[str, int]]()
"""Of a test, by world: how often something had been expected when its own part began."""

EARLIER: Final = pytest.StashKey[dict[str, set[str]]]()
"""Of a test, by world: undocumented calls that were there before it."""

JUDGED: Final = pytest.StashKey[dict[str, list[object]]]()
"""Of a test, by world: the expectations that were judged before it was reset."""


class JournalFolder:
    """Where journals are kept, or why not: with what else pytest caches.

    It is made before a test replaces what writes files.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._open, self._write, self._close = os.open, os.write, os.close
        self._flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        self.path: Path | None = None
        self.why_not = ", without pytest's cache"
        if (cache := getattr(config, "cache", None)) is not None:
            try:
                self.path = cache.mkdir("payments-sandbox")
            except OSError as error:
                self.why_not = f": {_error_text(error)}"

    def write(self, name: str, text: str) -> None:
        """Write a file anew.

        Raises:
            OSError: it cannot be written.
        """
        descriptor = self._open(f"{self.path}/{name}", self._flags, 0o666)
        try:
            data = text.encode("utf-8", "backslashreplace")
            while data:
                data = data[self._write(descriptor, data) :]
        finally:
            self._close(descriptor)


JOURNALS: Final = pytest.StashKey[JournalFolder]()


def hear_of_worlds(config: pytest.Config, server: object) -> None:
    """Let the worlds that a server gives be those of the test, or its fixture, that asks for them.

    What a wider fixture is given is nobody's.
    """

    def on_world(world: "Sandbox") -> None:
        if (owner := config.stash.get(OWNER, None)) is not None:
            take(owner, world)

    with suppress(AttributeError):  # a suite's own may be anything
        server._on_world = on_world  # type: ignore[attr-defined]  # noqa: SLF001 - no user's


def take(item: pytest.Item, world: "Sandbox") -> None:
    """Take a world that somebody was given for one of the test's, if it is not one already."""
    worlds = item.stash[WORLDS]
    if any(each is world for each in worlds):
        return
    if all(each.api_key != world.api_key for each in worlds):
        _part_from_earlier(item, world)
    worlds.append(world)
    _watch(item, world)


def _part_from_earlier(item: pytest.Item, world: "Sandbox") -> None:
    """Let nobody be blamed for earlier tests in a world that tests share.

    What they have expected ends, and their undocumented calls are remembered.

    Whose the calls of a world are that was used before it was given to anybody, nobody knows.
    """
    shared = item.config.stash.setdefault(SHARED, set())
    for name in item.config.stash.setdefault(LEFT, {}).pop(world.api_key, ()):
        with suppress(Exception):  # the world may be another by now
            world.control.remove_active_scenarios(name=name)
    is_used = world.api_key in shared or world.made["requests"]["kept"] > 0
    if is_used and item.config.stash[OPTIONS].strict:
        with suppress(Exception):  # what cannot be asked now is told after the test
            item.stash[EARLIER][world.api_key] = _undocumented(world)
    shared.add(world.api_key)


def _undocumented(world: "Sandbox") -> set[str]:
    return {each["request"] for each in world.report().get("undocumented", ())}


def begin(item: pytest.Item) -> None:
    """Begin the test's own part: from now on its worlds are judged when they end, too."""
    item.stash[ENDED] = []
    item.stash[BEGAN] = {}
    for world in item.stash[WORLDS]:
        item.stash[BEGAN][world.api_key] = len(world._expected)  # noqa: SLF001 - no user's
        _watch(item, world)


def end(item: pytest.Item) -> None:
    """End the test's own part; what it has expected of a world is no matter of the next test."""
    left = item.config.stash.setdefault(LEFT, {})
    for world in item.stash[WORLDS]:
        world._before_end = None  # noqa: SLF001 - no user's
        began = item.stash[BEGAN].get(world.api_key, 0)
        if expected := world._expected[began:]:  # noqa: SLF001 - as above
            left[world.api_key] = [*left.get(world.api_key, ()), *expected]


def _watch(item: pytest.Item, world: "Sandbox") -> None:
    """Judge a world, too, when the test's own part drops, restores or resets it.

    What a fixture does before is preparation.
    """
    if ENDED in item.stash and EXPLORED_SCENARIO not in item.stash:
        if earlier := item.stash[EARLIER].get(world.api_key):
            with suppress(Exception):  # as above; after a reset the same ids are given again
                earlier &= _undocumented(world)
        world._before_end = partial(_judge_ending, item, world)  # noqa: SLF001 - no user's


def judge(item: pytest.Item) -> str | None:
    """Why a test fails whose own part has passed; None where it does not.

    A world that has vanished fails it; in a strict session so do calls that the API does not have,
    expectations that are not met, and those that could not be judged.
    """
    is_strict = item.config.stash[OPTIONS].strict
    worlds = item.stash[WORLDS]
    if ended := item.stash[ENDED]:
        return _told(ended[0].reason, ended[0].world, worlds)
    for world in worlds:
        if (reason := _reason(item, world, is_strict=is_strict)) is not None:
            return _told(reason, world, worlds)
    return None


def shorten(report: pytest.TestReport, error: BaseException) -> None:
    """Shorten the summary's line of an error of ours to its reason."""
    errors = sys.modules.get("payments_sandbox.client.errors")
    crash = getattr(report.longrepr, "reprcrash", None)
    if errors is None or crash is None:
        return
    if isinstance(error, errors.ControlApiError):
        crash.message = error.reason
    elif isinstance(
        error, errors.ExpectationFailed | errors.WebhookNotReceived | errors.Unreachable
    ):
        crash.message = str(error)


def section_of(item: pytest.Item) -> str:
    """What a test's worlds have seen, for its report; all of it is kept as files."""
    try:
        from payments_sandbox.testing.failure_report import WorldSection, failure_report

        ended = item.stash.get(ENDED, [])
        told = [each.world for each in ended]
        sections = [each.section for each in ended if each.section is not None]
        # A world that somebody was given twice is one.
        living = {world.api_key: world for world in item.stash[WORLDS][::-1]}
        sections += [
            WorldSection(world)
            for world in [*living.values()][::-1]
            if world not in told or not world.is_closed
        ]
        lines = [failure_report(sections)]
    except Exception as error:  # noqa: BLE001 - a hook that raises ends the session
        return f"the sandbox cannot be asked: {_error_text(error)}"
    options = item.config.stash[OPTIONS]
    if options.journal != "off":
        lines.append(f"journal: {_keep(item, sections)}")
    elif options.html:
        lines.append("page: not written: --sandbox-journal off keeps nothing; leave it out")
    return "\n".join(lines)


def _told(reason: str, world: "Sandbox", worlds: "Sequence[Sandbox]") -> str:
    is_only_one = len({each.api_key for each in worlds}) == 1
    return reason if is_only_one else f"{reason}\n(in world {world.api_key})"


def _judge_ending(
    item: pytest.Item, world: "Sandbox", how: str, scenarios: Sequence[str]
) -> Callable[[], None]:
    """Judge a world as it stands before a test takes what was seen in it, if anything was.

    Where it is scenarios that end, they alone are judged.

    Returns:
        What counts the judgement, once that has ended which is about to.
    """
    is_strict = item.config.stash[OPTIONS].strict
    found = _judged_before(item, world, how, scenarios) if is_strict else None

    def count() -> None:
        if found is not None:
            item.stash[ENDED].append(found)
        if how == "reset":  # the ids of what was called are given again
            item.stash[EARLIER].pop(world.api_key, None)
        elif not scenarios:
            item.stash[JUDGED].pop(world.api_key, None)

    return count


def _judged_before(
    item: pytest.Item, world: "Sandbox", how: str, scenarios: Sequence[str]
) -> Ended | None:
    from payments_sandbox.testing.failure_report import WorldSection

    section = None
    with suppress(Exception):  # what cannot be asked here is going to fail in the test's own line
        if not _was_used(world):
            return None
        reason = _why_unmet(world, scenarios) if scenarios else _reason(item, world, is_strict=True)
        if reason is None:
            return None
        with suppress(Exception):  # the reason stands without it
            section = WorldSection(world)
        return Ended(world, f"{reason}\n(before the test {how} it)", section)
    return None


def _why_unmet(world: "Sandbox", scenarios: Sequence[str]) -> str | None:
    from payments_sandbox.testing import ExpectationFailed

    try:
        world.judge(*scenarios)
    except ExpectationFailed as unmet:
        return str(unmet)
    return None


def _was_used(world: "Sandbox") -> bool:
    return bool(world.control.list_requests(limit=1)["data"])


def _reason(item: pytest.Item, world: "Sandbox", *, is_strict: bool) -> str | None:
    from payments_sandbox.testing import ExpectationFailed

    try:
        return None if world.is_closed else _why_unwell(item, world, is_strict=is_strict)
    except ExpectationFailed as unmet:
        return str(unmet)
    except Exception as error:  # noqa: BLE001 - as above
        if is_strict and _is_scripted(item, world):
            return f"what was expected of the test could not be judged: {_error_text(error)}"
    return None


def _why_unwell(item: pytest.Item, world: "Sandbox", *, is_strict: bool) -> str | None:
    """Why a world is another one than it was, if it is; in a strict session, judge it.

    Raises:
        ExpectationFailed: it is not as scenarios expect, or some calls are none of the API's.
    """
    reason, expected = _why_vanished(item, world, is_strict=is_strict)
    if reason is not None or not is_strict:
        return reason
    if _is_to_be_judged(item, world, expected):
        world.judge()
    item.stash[JUDGED][world.api_key] = expected
    return None


def _is_to_be_judged(item: pytest.Item, world: "Sandbox", expected: Sequence[object]) -> bool:
    """Whether what is expected of a world was not judged, or something has happened since.

    What the server gives to all worlds is expected of those alone that were used.
    """
    is_scripted, judged = _is_scripted(item, world), item.stash[JUDGED].get(world.api_key)
    if is_scripted and (judged is None or any(each not in judged for each in expected)):
        return True
    return (is_scripted or bool(expected)) and _was_used(world)


def _is_scripted(item: pytest.Item, world: "Sandbox") -> bool:
    """Whether a world was given something to expect, by whoever holds it in the test."""
    return any(each.is_scripted for each in item.stash[WORLDS] if each.api_key == world.api_key)


def _why_vanished(
    item: pytest.Item, world: "Sandbox", *, is_strict: bool
) -> tuple[str | None, list[object]]:
    """Why a world is another one than its test was given; in a strict session, see to its calls.

    One request says both: the report. It brings the scenario language, so others ask for less.

    Returns:
        Why, or None; and what scenarios expect of it, as far as that was asked.

    Raises:
        ExpectationFailed: some calls are none that the API has.
    """
    from payments_sandbox.client.errors import ControlApiError
    from payments_sandbox.testing.failure_report import why_vanished
    from payments_sandbox.testing.reports import check_calls

    if is_strict:
        with suppress(ControlApiError):  # the key has no world any more
            report = world.report()
            if (reason := why_vanished(world, report.get("restarted"))) is None:
                earlier = item.stash[EARLIER].get(world.api_key, ())
                calls = report.get("undocumented", ())
                check_calls([each for each in calls if each["request"] not in earlier])
            return reason, [each["expect"] for each in report["expectations"]]
    try:
        restarted = world.control.retrieve_world()["restarted"]
    except ControlApiError as error:  # where keys are strict, it is not made again
        restarted = error.details if "Its world was" in (error.details or "") else None
    return why_vanished(world, restarted), []


def _keep(item: pytest.Item, sections: "Sequence[WorldSection]") -> str:
    """Where the journal of a test's worlds is kept, or why not."""
    try:
        from payments_sandbox.testing.failure_report import journal_files

        folder = item.config.stash.get(JOURNALS, None) or JournalFolder(item.config)
        if folder.path is None:
            return f"not kept{folder.why_not}"
        is_page_wanted = item.config.stash[OPTIONS].html
        files = journal_files(sections, item.nodeid, with_page=is_page_wanted)
        for name, text in files.items():
            folder.write(name, text)
        return _listed(folder.path, list(files))
    except Exception as error:  # noqa: BLE001 - as above
        return f"not kept: {_error_text(error)}"


def _listed(folder: Path, names: Sequence[str]) -> str:
    """The JSON file, and the page where there is one."""
    return ", ".join(f"{folder}/{each}" for each in names if not each.endswith(".txt"))


def _error_text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
