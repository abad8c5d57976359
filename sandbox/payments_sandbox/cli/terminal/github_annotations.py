"""Owns the lines of a log that GitHub shows as annotations beside a pull request."""

from typing import Final

_ESCAPES: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTY: Final = {**_ESCAPES, ord(":"): "%3A", ord(","): "%2C"}


def annotation(kind: str, message: str, **properties: object) -> str:
    """Write an annotation.

    Args:
        kind: `error` or `warning`.
        message: what it says; it may have several lines.
        properties: such as `file` and `line`, or `title`.
    """
    where = ",".join(
        f"{name}={str(value).translate(_IN_PROPERTY)}" for name, value in properties.items()
    )
    return f"::{kind} {where}::{message.translate(_ESCAPES)}"
