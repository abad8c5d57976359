"""Owns which failures are tried: by the name of a set, by their own names, or from a file."""

from pathlib import Path
from typing import Final

from payments_sandbox.core.suggestions import nearest
from payments_sandbox.exploration.failures import CallFailure, WebhookFailure, all_failures


def _ids(*, calls: bool, webhooks: bool, is_on_wire: bool | None = None) -> frozenset[str]:
    return frozenset(
        each.id
        for each in all_failures()
        if (webhooks and isinstance(each, WebhookFailure))
        or (calls and isinstance(each, CallFailure) and is_on_wire in {None, each.is_on_wire})
    )


SETS: Final = {
    "all": _ids(calls=True, webhooks=True),
    "calls": _ids(calls=True, webhooks=False),
    "errors": _ids(calls=True, webhooks=False, is_on_wire=False),
    "wire": _ids(calls=True, webhooks=False, is_on_wire=True),
    "webhooks": _ids(calls=False, webhooks=True),
    "quick": frozenset(
        {
            "internal_error_after_commit", "drop_after_commit", "drop", "malform_after_commit",
            "malform", "card_declined", "refund_declined", "lost", "twice", "forged",
        }
    ),
}  # fmt: skip
"""The failures of each set, by their ids; `quick` is what goes wrong most often."""


def read_failures(text: str) -> frozenset[str]:
    """Read which failures are wanted.

    Args:
        text: names of sets and of failures, separated by commas; or the path of a file that has
            such names, one on a line, and comments after `#`.

    Raises:
        ValueError: a name is none, or the file has none.
    """
    names = [part.strip() for part in text.split(",")]
    if Path(text).is_file():
        lines = Path(text).read_text(encoding="utf-8").splitlines()
        names = [line.partition("#")[0].strip() for line in lines]
    wanted = [_read(name) for name in names if name]
    if not wanted:
        raise ValueError(f"expected a failure or a set of them: {', '.join(SETS)}")
    return frozenset().union(*wanted)


def _read(name: str) -> frozenset[str]:
    known = {each.name for each in all_failures()} | SETS["all"]
    if name in SETS:
        return SETS[name]
    if name in known:
        return frozenset({name})
    close = nearest(name, sorted({*known, *SETS}))
    hint = f"did you mean {close}?" if close else f"sets are {', '.join(SETS)}"
    raise ValueError(f"there is no failure '{name}', and no such file or set; {hint}")
