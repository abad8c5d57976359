"""Owns the JSON merge patch (RFC 7396)."""

from collections.abc import Mapping


def merged(target: object, patch: object) -> object:
    """The target with the patch merged into it; neither is changed."""
    if not isinstance(patch, Mapping):
        return patch
    found = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merged(found.get(key), value)
    return found
