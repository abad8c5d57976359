"""Owns snapshots that somebody has tampered with: one value changed at a time, or left out."""

import copy
from collections.abc import Iterator
from typing import Any, Final

Path = tuple[Any, ...]

WRONG: Final[tuple[object, ...]] = (None, "x", "", -1, 0, 2**40, 10**30, 1.5, True, [], {})


def mutants(kept: dict[str, Any], part: str) -> Iterator[dict[str, Any]]:
    """The snapshot with one value of a part replaced by something wrong, or left out."""
    for path in paths(kept[part], (part,)):
        for value in WRONG:
            yield changed(kept, path, value)
        yield without(kept, path)


def paths(value: object, path: Path) -> Iterator[Path]:
    """Where values are: in rows all of them, in lists of rows the first few.

    The journal's bodies and headers may be anything.
    """
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            if key not in {"body", "headers", "reply_headers"}:
                yield from paths(item, (*path, key))
    elif isinstance(value, list):
        has_rows = all(isinstance(item, list | dict) for item in value)
        for place, item in enumerate(value[:3] if has_rows else value):
            yield from paths(item, (*path, place))


def changed(kept: dict[str, Any], path: Path, value: object) -> dict[str, Any]:
    """The snapshot with another value at a place."""
    bad, holder = _copied(kept, path)
    holder[path[-1]] = value
    return bad


def without(kept: dict[str, Any], path: Path) -> dict[str, Any]:
    """The snapshot without what is at a place."""
    bad, holder = _copied(kept, path)
    del holder[path[-1]]
    return bad


def _copied(kept: dict[str, Any], path: Path) -> tuple[dict[str, Any], Any]:
    bad = kept | {path[0]: copy.deepcopy(kept[path[0]])}
    holder: Any = bad
    for step in path[:-1]:
        holder = holder[step]
    return bad, holder
