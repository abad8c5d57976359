"""Owns how a run is told: what happened, call by call."""

from collections.abc import Iterator

from payments_sandbox.exploration.run_record import RunRecord, SeenCall


def call_by_call(record: RunRecord) -> tuple[str, ...]:
    """Describe a run line by line: its calls, its webhooks, and how its command ended."""
    calls = tuple(_call_text(call) for call in record.calls())
    return (*calls, *_webhooks(record), _ending(record), *_last_words(record))


def _call_text(call: SeenCall) -> str:
    of = f" of {call.about}" if call.about else ""
    whose = f" for {call.customer}" if call.customer else ""
    return f"{call.operation}{of}{whose}: {_outcome(call)}"


def _outcome(call: SeenCall) -> str:
    has_happened = "it has happened" if call.committed else "nothing has happened"
    after = f", {has_happened}" if call.committed is not None else ""
    if call.status is None:
        return f"no reply ({call.fault}){after}"
    if call.fault is not None:
        return f"a spoilt reply ({call.fault}){after}"
    if call.code:
        return f"{call.status} {call.code}{after if call.is_unknown else ''}"
    return str(call.status)


def _webhooks(record: RunRecord) -> Iterator[str]:
    """Describe the webhooks, but not whether they were accepted, which may depend on timing."""
    for world in record.worlds:
        for webhook in world.webhooks:
            whose = f" for {webhook.customer}" if webhook.customer else ""
            yield f"webhook {webhook.event}{whose}"


def _ending(record: RunRecord) -> str:
    end = record.end
    if end.timed_out:
        return "the command was ended, since its time was over"
    return f"the command: {end.crash or f'exit status {end.exit_code}'}"


def _last_words(record: RunRecord) -> Iterator[str]:
    """The last line that a crashed command printed: a trace ends with what went wrong."""
    if record.end.crash is not None:
        yield from (f"its last words: {line}" for line in record.end.output.splitlines()[-1:])
