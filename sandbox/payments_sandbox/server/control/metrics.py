"""Owns the route of the metrics: counters and gauges of the server, in the format of Prometheus."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from aiohttp import web

from payments_sandbox import __version__
from payments_sandbox.server.control.control_request import ControlRequest
from payments_sandbox.server.metrics import DELIVERED, FAILED, LOST, CallEnd
from payments_sandbox.server.process_facts import CPU, MEMORY, MOST, OPEN, STARTED, process_facts
from payments_sandbox.server.response import SERVER
from payments_sandbox.server.world_runtime import WorldRuntime
from payments_sandbox.webhooks.delivery import DeliveryStatus

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_OURS: Final = "payments_sandbox_"
_ATTEMPTS: Final = (DELIVERED, FAILED, LOST)
_ENDS: Final = tuple(each.value for each in DeliveryStatus if each is not DeliveryStatus.PENDING)
_NONE: Final = "none"
"""The label for a missing operation, status or fault."""

_NOW: Final = (
    ("webhooks_in_flight", "Webhook attempts in flight."),
    ("webhooks_pending", "Webhook deliveries still pending."),
    ("worlds", "Number of worlds."),
)
"""The gauges that show the current state, with their help texts."""

_OF_A_PROCESS: Final[tuple[tuple[str, str, str, Callable[[Iterable[float]], float]], ...]] = (
    (CPU, "counter", "Total user and system CPU time spent in seconds.", sum),
    (MEMORY, "gauge", "Resident memory size in bytes.", sum),
    (STARTED, "gauge", "Start time since the Unix epoch in seconds.", min),
    (OPEN, "gauge", "Number of open file descriptors.", sum),
    (MOST, "gauge", "Maximum number of open file descriptors per process.", min),
)
"""The metrics of a process, each with the function that combines those of several processes."""


class Counts(NamedTuple):
    """The counts of one process of a server, in values that can be sent as JSON.

    Attributes:
        calls: the results of calls, each with its count.
        attempts, deliveries: the counts of webhooks, by outcome.
        now: the current values of gauges, by name.
        lag: of the event loop: the sum in seconds, the number of measurements, and the largest;
            None if there is no loop.
        process: the figures of `process_facts`.
    """

    calls: Sequence[tuple[CallEnd, int]]
    attempts: Mapping[str, int]
    deliveries: Mapping[str, int]
    now: Mapping[str, int]
    lag: tuple[float, int, float] | None
    process: Mapping[str, float]


async def retrieve_metrics(request: ControlRequest) -> web.StreamResponse:
    """Return all metrics of the server in the text format of Prometheus."""
    counts = [counts_of(request.runtime)]
    counts += [Counts(*each) for each in await request.runtime.elsewhere.ask("metrics")]
    text = metrics_text(counts)
    return web.Response(body=text.encode(), headers={**SERVER, "Content-Type": CONTENT_TYPE})


def counts_of(runtime: WorldRuntime) -> Counts:
    """Return the counts of this process; start to measure the lag of its event loop."""
    runtime.start_measuring()
    metrics, lag = runtime.metrics, runtime.metrics.lag
    now = {
        "webhooks_in_flight": len(runtime.dispatcher),
        "webhooks_pending": sum(world.pending_webhooks for world in runtime.worlds),
        "worlds": len(runtime.worlds),
    }
    return Counts(
        list((Counter(metrics.calls) + Counter(metrics.refused_keys)).items()),
        metrics.attempts,
        metrics.deliveries,
        now,
        None if lag is None else (lag.total, lag.measured, lag.largest),
        process_facts(),
    )


def metrics_text(counts: Sequence[Counts]) -> str:
    """Write the metrics of a server, from the counts of its processes, as Prometheus reads them."""
    return "".join(f"{line}\n" for line in _lines(counts))


def _lines(counts: Sequence[Counts]) -> Iterator[str]:
    version = _labels(version=__version__)
    yield from _family(f"{_OURS}info", "gauge", "Version of the server.", {version: 1})
    text = "Calls to the emulated API, by operation, status sent, and fault."
    yield from _family(f"{_OURS}requests_total", "counter", text, _calls(counts))
    attempts = _outcomes((each.attempts for each in counts), _ATTEMPTS)
    text = "Webhook attempts, by outcome."
    yield from _family(f"{_OURS}webhook_attempts_total", "counter", text, attempts)
    ends = _outcomes((each.deliveries for each in counts), _ENDS)
    text = "Webhook deliveries ended by an attempt, by outcome."
    yield from _family(f"{_OURS}webhook_deliveries_total", "counter", text, ends)
    for name, text in _NOW:
        total = sum(each.now[name] for each in counts)
        yield from _family(f"{_OURS}{name}", "gauge", text, {"": total})
    yield from _lag([each.lag for each in counts if each.lag is not None])
    for name, kind, text, as_one in _OF_A_PROCESS:
        if values := [each.process[name] for each in counts if name in each.process]:
            yield from _family(name, kind, text, {"": as_one(values)})


def _calls(counts: Iterable[Counts]) -> dict[str, float]:
    total: Counter[tuple[object, ...]] = Counter()
    for each in counts:
        total.update({tuple(end): count for end, count in each.calls})
    return {
        _labels(operation=operation, status=status, fault=fault): total[operation, status, fault]
        for operation, status, fault in sorted(total, key=str)
    }


def _outcomes(counts: Iterable[Mapping[str, int]], known: Sequence[str]) -> dict[str, float]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return {_labels(outcome=each): total[each] for each in known}


def _lag(lags: Sequence[tuple[float, int, float]]) -> Iterator[str]:
    if not lags:
        return
    totals, measured, largest = zip(*lags, strict=True)
    sums = {"_sum": sum(totals), "_count": sum(measured)}
    text = "Lag of the event loop, sampled each second since the first scrape."
    yield from _family(f"{_OURS}loop_lag_seconds", "summary", text, sums)
    text = "Largest lag of the event loop in the last minute."
    yield from _family(f"{_OURS}loop_lag_max_seconds", "gauge", text, {"": max(largest)})


def _family(name: str, kind: str, text: str, samples: Mapping[str, float]) -> Iterator[str]:
    """Write a metric in the text format 0.0.4.

    Args:
        name: its name.
        kind: its Prometheus type.
        text: what it measures.
        samples: its values, each by what follows the name: labels, or `_sum` or `_count`.
    """
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"
    for place, value in samples.items():
        yield f"{name}{place} {value!r}"


def _labels(**values: object) -> str:
    """Write labels; nothing needs escaping, since their values are our own words and numbers."""
    labels = (f'{name}="{_NONE if each is None else each}"' for name, each in values.items())
    return f"{{{','.join(labels)}}}"
