"""Owns what happens after a test: its worlds are judged, and what they have seen is shown and kept.

No error here may end the session or change the test's own result. So these functions suppress all
errors, and report only the failures that they look for. They also use nothing that a test may have
replaced: they ask the server in this process without a socket, and write files with functions
that were looked up when the session began.
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
"""Of a test: its worlds, in the order in which it got them."""


class Ended(NamedTuple):
    """A world that a test has dropped, restored or reset, and why what it had seen fails the test.

    Attributes:
        reason: why the test fails.
        section: the world's part of the failure report, if it could be made.
    """

    world: "Sandbox"
    reason: str
    section: "WorldSection | None"


ENDED: Final = pytest.StashKey[list[Ended]]()
"""Of a test: its worlds that ended with a reason to fail; set once its call phase has begun."""


SHARED: Final = pytest.StashKey[set[str]]()
"""Of the session: the keys of worlds that its tests have used so far."""

OWNER: Final = pytest.StashKey[pytest.Item | None]()
"""Of the session: the test whose call phase, or fixture, runs now."""

LEFT: Final = pytest.StashKey[dict[str, list[str]]]()
"""Of the session, by world: the scenarios with expectations of tests that are over."""

BEGAN: Final = pytest.StashKey[dict[str, int]]()
"""Of a test, by world: the number of its expectations when its call phase began."""

EARLIER: Final = pytest.StashKey[dict[str, set[str]]]()
"""Of a test, by world: the undocumented calls that were made before it."""

JUDGED: Final = pytest.StashKey[dict[str, list[object]]]()
"""Of a test, by world: the expectations that were judged before the world was reset."""


class JournalFolder:
    """The folder in pytest's cache where journals are kept, or the reason why there is none.

    It is made before any test can replace the functions that write files.

    Attributes:
        path: the folder; None if there is none.
        why_not: the reason, as the end of a sentence.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._open, self._write, self._close = os.open, os.write, os.close
        self._flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        self.path: Path | None = None
        self.why_not = ": pytest has no cache"
        if (cache := getattr(config, "cache", None)) is not None:
            try:
                self.path = cache.mkdir("payments-sandbox")
            except OSError as error:
                self.why_not = f": {_error_text(error)}"

    def write(self, name: str, text: str) -> None:
        """Write a file, and replace an earlier one.

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


def track_worlds(config: pytest.Config, server: object) -> None:
    """Attribute the worlds that a server makes to the test during whose call or fixture it does.

    Worlds that are made for a fixture of a wider scope belong to no test.
    """

    def on_world(world: "Sandbox") -> None:
        if (owner := config.stash.get(OWNER, None)) is not None:
            take(owner, world)

    with suppress(AttributeError):  # a suite's own server may be anything
        server._on_world = on_world  # type: ignore[attr-defined]  # noqa: SLF001 - not for users


def take(item: pytest.Item, world: "Sandbox") -> None:
    """Make a world one of the test's, unless it is already."""
    worlds = item.stash[WORLDS]
    if any(each is world for each in worlds):
        return
    if all(each.api_key != world.api_key for each in worlds):
        _disregard_earlier_tests(item, world)
    worlds.append(world)
    _watch(item, world)


def _disregard_earlier_tests(item: pytest.Item, world: "Sandbox") -> None:
    """Make sure that a test is not blamed for earlier tests with the same world.

    The expectations of earlier tests are removed, and their undocumented calls are remembered, to
    be left out later. The same goes for calls in a world that was used before any test got it,
    since it is not known who made them.
    """
    shared = item.config.stash.setdefault(SHARED, set())
    for name in item.config.stash.setdefault(LEFT, {}).pop(world.api_key, ()):
        with suppress(Exception):  # the key may have another world by now
            world.control.remove_active_scenarios(name=name)
    is_used = world.api_key in shared or world.made["requests"]["kept"] > 0
    if is_used and item.config.stash[OPTIONS].strict:
        with suppress(Exception):  # a failing request is reported after the test
            item.stash[EARLIER][world.api_key] = _undocumented(world)
    shared.add(world.api_key)


def _undocumented(world: "Sandbox") -> set[str]:
    return {each["request"] for each in world.report().get("undocumented", ())}


def begin(item: pytest.Item) -> None:
    """Begin the test's call phase: from now on, a world is also judged before the test ends it."""
    item.stash[ENDED] = []
    item.stash[BEGAN] = {}
    for world in item.stash[WORLDS]:
        item.stash[BEGAN][world.api_key] = len(world._expected)  # noqa: SLF001 - not for users
        _watch(item, world)


def end(item: pytest.Item) -> None:
    """End the test's call phase; remember its expectations, so that the next test drops them."""
    left = item.config.stash.setdefault(LEFT, {})
    for world in item.stash[WORLDS]:
        world._before_end = None  # noqa: SLF001 - not for users
        began = item.stash[BEGAN].get(world.api_key, 0)
        if expected := world._expected[began:]:  # noqa: SLF001 - as above
            left[world.api_key] = [*left.get(world.api_key, ()), *expected]


def _watch(item: pytest.Item, world: "Sandbox") -> None:
    """Judge a world also before the test's call phase drops, restores or resets it.

    If a fixture does so earlier, that is preparation, and nothing is judged.
    """
    if ENDED in item.stash and EXPLORED_SCENARIO not in item.stash:
        if earlier := item.stash[EARLIER].get(world.api_key):
            with suppress(Exception):  # as above; ids start again after a fixture's reset
                earlier &= _undocumented(world)
        world._before_end = partial(_judge_ending, item, world)  # noqa: SLF001 - not for users


def judge(item: pytest.Item) -> str | None:
    """Return why a test fails although its call phase has passed; None if it does not.

    A world that has vanished fails the test. In a strict session, so do calls that the API does
    not have, and expectations that are not met or could not be judged.
    """
    is_strict = item.config.stash[OPTIONS].strict
    worlds = item.stash[WORLDS]
    if ended := item.stash[ENDED]:
        return _with_world(ended[0].reason, ended[0].world, worlds)
    for world in worlds:
        if (reason := _reason(item, world, is_strict=is_strict)) is not None:
            return _with_world(reason, world, worlds)
    return None


def shorten(report: pytest.TestReport, error: BaseException) -> None:
    """Shorten the summary line of one of our errors to its reason."""
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
    """Return the section of a test's report about its worlds, and write their journals to files."""
    try:
        from payments_sandbox.testing.failure_report import WorldSection, failure_report

        ended = item.stash.get(ENDED, [])
        ended_worlds = [each.world for each in ended]
        sections = [each.section for each in ended if each.section is not None]
        # Several objects with the same key are one world: the first one is shown.
        living = {world.api_key: world for world in item.stash[WORLDS][::-1]}
        sections += [
            WorldSection(world, item.stash[EARLIER].get(world.api_key, ()))
            for world in [*living.values()][::-1]
            if world not in ended_worlds or not world.is_closed
        ]
        lines = [failure_report(sections)]
    except Exception as error:  # noqa: BLE001 - an error in a hook would end the session
        return f"cannot inspect the sandbox: {_error_text(error)}"
    options = item.config.stash[OPTIONS]
    if options.journal != "off":
        lines.append(f"journal: {_write_journals(item, sections)}")
    elif options.html:
        lines.append("page: not written: --sandbox-html has no effect with --sandbox-journal off")
    return "\n".join(lines)


def _with_world(reason: str, world: "Sandbox", worlds: "Sequence[Sandbox]") -> str:
    is_only_one = len({each.api_key for each in worlds}) == 1
    return reason if is_only_one else f"{reason}\n(in world {world.api_key})"


def _judge_ending(
    item: pytest.Item, world: "Sandbox", how: str, scenarios: Sequence[str]
) -> Callable[[], None]:
    """Judge a used or scripted world before a test drops it, a used one before it is reset.

    If only some scenarios are about to end, only those are judged.

    Returns:
        A function to call after the end; it records the judgement.
    """
    is_strict = item.config.stash[OPTIONS].strict
    found = _verdict_before_end(item, world, how, scenarios) if is_strict else None

    def count() -> None:
        if found is not None:
            item.stash[ENDED].append(found)
        if how == "reset":  # request ids start again
            item.stash[EARLIER].pop(world.api_key, None)
        elif not scenarios:
            item.stash[JUDGED].pop(world.api_key, None)

    return count


def _verdict_before_end(
    item: pytest.Item, world: "Sandbox", how: str, scenarios: Sequence[str]
) -> Ended | None:
    from payments_sandbox.testing.failure_report import WorldSection

    section = None
    with suppress(Exception):  # if the server fails here, the test's own call fails next
        if not (_was_used(world) or (how == "dropped" and _is_scripted(item, world))):
            return None
        reason = _why_unmet(world, scenarios) if scenarios else _reason(item, world, is_strict=True)
        if reason is None:
            return None
        with suppress(Exception):  # the reason is enough
            section = WorldSection(world, item.stash[EARLIER].get(world.api_key, ()))
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
        return None if world.is_closed else _why_failed(item, world, is_strict=is_strict)
    except ExpectationFailed as unmet:
        return str(unmet)
    except Exception as error:  # noqa: BLE001 - as above
        if is_strict and _is_scripted(item, world):
            return f"the expectations of the test could not be judged: {_error_text(error)}"
    return None


def _why_failed(item: pytest.Item, world: "Sandbox", *, is_strict: bool) -> str | None:
    """Return why a world has vanished, if it has; in a strict session, judge it otherwise.

    Raises:
        ExpectationFailed: an expectation is not met, or a call is not one that the API has.
    """
    reason, expected = _why_vanished(item, world, is_strict=is_strict)
    if reason is not None or not is_strict:
        return reason
    if _is_to_be_judged(item, world, expected):
        world.judge()
    item.stash[JUDGED][world.api_key] = expected
    return None


def _is_to_be_judged(item: pytest.Item, world: "Sandbox", expected: Sequence[object]) -> bool:
    """Whether a world's expectations were not judged yet, or something has happened since then.

    Expectations that the server gives to all worlds count only in a world that was used.
    """
    is_scripted, judged = _is_scripted(item, world), item.stash[JUDGED].get(world.api_key)
    if is_scripted and (judged is None or any(each not in judged for each in expected)):
        return True
    return (is_scripted or bool(expected)) and _was_used(world)


def _is_scripted(item: pytest.Item, world: "Sandbox") -> bool:
    """Whether the test has activated scenarios or set expectations in a world."""
    return any(each.is_scripted for each in item.stash[WORLDS] if each.api_key == world.api_key)


def _why_vanished(
    item: pytest.Item, world: "Sandbox", *, is_strict: bool
) -> tuple[str | None, list[object]]:
    """Return why a key no longer has the test's world; in a strict session, also check its calls.

    In a strict session one request answers both: the report. It makes the server import the
    scenario language, so other sessions send a cheaper request.

    Returns:
        The reason, or None; and the world's expectations, in a strict session.

    Raises:
        ExpectationFailed: a call is not one that the API has.
    """
    from payments_sandbox.client.errors import ControlApiError
    from payments_sandbox.testing.failure_report import why_vanished
    from payments_sandbox.testing.reports import check_calls

    if is_strict:
        with suppress(ControlApiError):  # the key no longer has a world
            report = world.report()
            if (reason := why_vanished(world, report.get("restarted"))) is None:
                earlier = item.stash[EARLIER].get(world.api_key, ())
                calls = report.get("undocumented", ())
                check_calls([each for each in calls if each["request"] not in earlier])
            return reason, [each["expect"] for each in report["expectations"]]
    try:
        restarted = world.control.retrieve_world()["restarted"]
    except ControlApiError as error:  # with strict keys, the server does not make a new world
        restarted = error.details if "Its world was" in (error.details or "") else None
    return why_vanished(world, restarted), []


def _write_journals(item: pytest.Item, sections: "Sequence[WorldSection]") -> str:
    """Write the journals of a test's worlds; return where they are, or why they were not kept."""
    try:
        from payments_sandbox.testing.failure_report import journal_files

        folder = item.config.stash.get(JOURNALS, None) or JournalFolder(item.config)
        if folder.path is None:
            return f"not kept{folder.why_not}"
        is_page_wanted = item.config.stash[OPTIONS].html
        files = journal_files(sections, item.nodeid, with_page=is_page_wanted)
        for name, text in files.items():
            folder.write(name, text)
        return _journal_paths(folder.path, list(files))
    except Exception as error:  # noqa: BLE001 - as above
        return f"not kept: {_error_text(error)}"


def _journal_paths(folder: Path, names: Sequence[str]) -> str:
    """Return the paths of the JSON file, and of the page if there is one."""
    return ", ".join(f"{folder}/{each}" for each in names if not each.endswith(".txt"))


def _error_text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
