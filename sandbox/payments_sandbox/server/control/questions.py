"""Owns the questions that the processes of one server ask each other, and their answers."""

from collections.abc import Callable
from typing import Any, Final

from payments_sandbox.server.control.metrics import counts_of
from payments_sandbox.server.control.worlds import summaries_of_worlds, uses_of_worlds
from payments_sandbox.server.world_runtime import WorldRuntime


def coverage(runtime: WorldRuntime) -> dict[str, Any] | None:
    """Return the failure tally of this process; None if the server does not count failures."""
    return None if runtime.tally is None else runtime.tally.as_json()


def metrics(runtime: WorldRuntime) -> list[Any]:
    """Return the metrics of this process."""
    return [*counts_of(runtime)]


async def reports(runtime: WorldRuntime, default: str | None = None) -> list[list[Any]]:
    """Judge the worlds of this process, if reports are kept; return each `WorldReport` as a list.

    `default` is the key of the world that is judged if there is no other.
    """
    if runtime.reports is None:
        return []
    world = None if default is None else runtime.worlds.get_or_create(default)
    runtime.delayed_replies.notice_all()
    return [[*each] for each in await runtime.reports.finish(runtime.worlds, world)]


_ANSWERS: Final[dict[str, Callable[..., object]]] = {
    "coverage": coverage,
    "metrics": metrics,
    "reports": reports,
    "summaries_of_worlds": summaries_of_worlds,
    "uses_of_worlds": uses_of_worlds,
}


def answer(runtime: WorldRuntime, question: str, arguments: list[Any] | None) -> object:
    """Answer another process; the answer may be an awaitable.

    Args:
        runtime: the worlds of this process.
        question: the name of the question, a function of this module's table.
        arguments: further arguments of that function.

    Raises:
        LookupError: there is no such question.
    """
    return _ANSWERS[question](runtime, *(arguments or ()))
