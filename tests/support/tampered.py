"""Owns snapshots that somebody has changed: another value at a place, or none, or a new one."""

import copy
from collections.abc import Iterator
from typing import Any

Path = tuple[Any, ...]


def places(value: object, path: Path = ()) -> Iterator[Path]:
    """The path of everything in a JSON value but the value itself."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from places(item, (*path, place))


def at(value: Any, path: Path) -> Any:  # noqa: ANN401 - JSON
    """What is at a place."""
    for step in path:
        value = value[step]
    return value


def changed(kept: dict[str, Any], path: Path, value: object) -> dict[str, Any]:
    """The snapshot with another value at a place, or with a new key."""
    bad, holder = _copied(kept, path)
    holder[path[-1]] = value
    return bad


def without(kept: dict[str, Any], path: Path) -> dict[str, Any]:
    """The snapshot without what is at a place."""
    bad, holder = _copied(kept, path)
    del holder[path[-1]]
    return bad


def _copied(kept: dict[str, Any], path: Path) -> tuple[dict[str, Any], Any]:
    bad = kept.copy()
    if len(path) > 1:
        bad[path[0]] = copy.deepcopy(kept[path[0]])
    return bad, at(bad, path[:-1])
