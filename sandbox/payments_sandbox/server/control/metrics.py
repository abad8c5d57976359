"""Owns the route of the metrics: counters and gauges of the server, in the format of Prometheus."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from aiohttp import web

from payments_sandbox import __version__
from payments_sandbox.server.control.control_request import ControlRequest
from payments_sandbox.server.metrics import DELIVERED, FAILED, LOST, CallEnd
from payments_sandbox.server.process_facts import CPU, MEMORY, MOST, OPEN, STARTED, process_facts
from payments_sandbox.server.response import SERVER
from payments_sandbox.server.world_runtime import WorldRuntime
from payments_sandbox.webhooks.delivery import DeliveryStatus

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Kind = Literal["counter", "gauge", "summary"]
NO_LABELS: Final[Mapping[str, str]] = {}

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

_OF_A_PROCESS: Final[tuple[tuple[str, Kind, str, Callable[[Iterable[float]], float]], ...]] = (
    (CPU, "counter", "Total user and system CPU time spent in seconds.", sum),
    (MEMORY, "gauge", "Resident memory size in bytes.", sum),
    (STARTED, "gauge", "Start time since the Unix epoch in seconds.", min),
    (OPEN, "gauge", "Number of open file descriptors.", sum),
    (MOST, "gauge", "Maximum number of open file descriptors per process.", min),
)
"""The metrics of a process, each with the function that combines those of several processes."""


class Sample(NamedTuple):
    """One number of a family.

    Attributes:
        value: the number.
        labels: its labels.
        ending: the suffix of the family's name: `_sum` or `_count` in a summary.
    """

    value: float
    labels: Mapping[str, str] = NO_LABELS
    ending: str = ""


class Family(NamedTuple):
    """A metric: all samples of one name.

    Attributes:
        name: the name of the metric.
        kind: its Prometheus type.
        help: what it measures, in a sentence.
        samples: the numbers, each with its own labels.
    """

    name: str
    kind: Kind
    help: str
    samples: Iterable[Sample]


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
    text = metrics_text(families_of(counts))
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


def families_of(counts: Sequence[Counts]) -> Iterator[Family]:
    """Yield the metrics of a server from the counts of its processes."""
    info = (Sample(1, {"version": __version__}),)
    yield _family("info", "gauge", "Version of the server.", info)
    text = "Calls to the emulated API, by operation, status sent, and fault."
    yield _family("requests_total", "counter", text, _calls(counts))
    attempts = _outcomes((each.attempts for each in counts), _ATTEMPTS)
    yield _family("webhook_attempts_total", "counter", "Webhook attempts, by outcome.", attempts)
    ends = _outcomes((each.deliveries for each in counts), _ENDS)
    text = "Webhook deliveries ended by an attempt, by outcome."
    yield _family("webhook_deliveries_total", "counter", text, ends)
    for name, text in _NOW:
        yield _family(name, "gauge", text, (Sample(sum(each.now[name] for each in counts)),))
    yield from _lag([each.lag for each in counts if each.lag is not None])
    for name, kind, text, as_one in _OF_A_PROCESS:
        if values := [each.process[name] for each in counts if name in each.process]:
            yield Family(name, kind, text, (Sample(as_one(values)),))


def _calls(counts: Iterable[Counts]) -> list[Sample]:
    total: Counter[tuple[object, ...]] = Counter()
    for each in counts:
        total.update({tuple(end): count for end, count in each.calls})
    return [Sample(total[end], _labels(*end)) for end in sorted(total, key=str)]


def _labels(operation: object, status: object, fault: object) -> dict[str, str]:
    values = {"operation": operation, "status": status, "fault": fault}
    return {label: _NONE if value is None else str(value) for label, value in values.items()}


def _outcomes(counts: Iterable[Mapping[str, int]], known: Sequence[str]) -> list[Sample]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return [Sample(total[each], {"outcome": each}) for each in known]


def _lag(lags: Sequence[tuple[float, int, float]]) -> Iterator[Family]:
    if not lags:
        return
    totals, measured, largest = zip(*lags, strict=True)
    sums = Sample(sum(totals), ending="_sum"), Sample(sum(measured), ending="_count")
    text = "Lag of the event loop, sampled each second since the first scrape."
    yield _family("loop_lag_seconds", "summary", text, sums)
    text = "Largest lag of the event loop in the last minute."
    yield _family("loop_lag_max_seconds", "gauge", text, (Sample(max(largest)),))


def _family(name: str, kind: Kind, text: str, samples: Iterable[Sample]) -> Family:
    return Family(f"payments_sandbox_{name}", kind, text, samples)


# The text format of Prometheus, version 0.0.4


def metrics_text(families: Iterable[Family]) -> str:
    """Write metrics in the text format of Prometheus."""
    lines: list[str] = []
    for family in families:
        text = family.help.replace("\\", r"\\").replace("\n", r"\n")
        lines += [f"# HELP {family.name} {text}", f"# TYPE {family.name} {family.kind}"]
        lines += [_line(family.name, sample) for sample in family.samples]
    return "\n".join([*lines, ""])


def _line(name: str, sample: Sample) -> str:
    labels = ",".join(f'{label}="{_escaped(value)}"' for label, value in sample.labels.items())
    shown = f"{{{labels}}}" if labels else ""
    return f"{name}{sample.ending}{shown} {sample.value!r}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
