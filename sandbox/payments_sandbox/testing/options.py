"""Owns how a sandbox inside a process is told what `payments-sandbox serve` takes as options."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, TypedDict, cast

from payments_sandbox.core.instants import read_duration, read_instant
from payments_sandbox.core.settings import Settings
from payments_sandbox.core.suggestions import nearest


class Options(TypedDict, total=False):
    """The settings of `payments-sandbox serve`, by the names of its options.

    Durations are texts such as `5s`, or whole milliseconds; `body_patience` is in seconds. Of
    `scenarios`, a name is looked for in the folders and the library; a path is a file.
    """

    host: str
    port: int
    seed: int | None
    clock: str
    strict_keys: bool
    lenient: bool
    rate_limit: int
    max_wall_delay: str | int
    world_ttl: str | int
    max_worlds: int
    control_token: str | None
    allow_hosts: Collection[str]
    cors: Collection[str]
    webhooks: Collection[str]
    public_webhooks: bool
    scenarios: Collection[str | Path]
    scenario_dirs: Collection[str | Path]
    body_patience: float


def settings_of(options: Options) -> Settings:
    """The settings; the port is free unless it is given.

    Raises:
        TypeError: there is no such option; the text says which was meant.
        ValueError: a clock or a duration is none.
    """
    known = [field.name for field in fields(Settings)]
    for name in options:
        if name not in known:
            close = nearest(name, known)
            hint = f"did you mean {close!r}?" if close else f"known are {', '.join(known)}."
            raise TypeError(f"{name!r} is no option of the sandbox; {hint}")
    given: Mapping[str, object] = {"port": 0, **options}
    read = {name: _READ.get(name, _as_it_is)(value) for name, value in given.items()}
    return Settings(**cast("dict[str, Any]", read))


def _as_it_is(value: object) -> object:
    return value


def _clock(value: object) -> object:
    if value != "live":
        read_instant(str(value))
    return value


def _folders(value: Collection[str | Path]) -> tuple[Path, ...]:
    folders = tuple(map(Path, value))
    if missing := [folder for folder in folders if not folder.is_dir()]:
        raise ValueError(f"expected a folder, not {missing[0]}")
    return folders


def _milliseconds(value: object) -> int:
    return value if isinstance(value, int) else read_duration(str(value))


_READ: Final[dict[str, Callable[[Any], object]]] = {
    "clock": _clock,
    "max_wall_delay": _milliseconds,
    "world_ttl": _milliseconds,
    "allow_hosts": frozenset,
    "cors": frozenset,
    "webhooks": tuple,
    "scenarios": tuple,
    "scenario_dirs": _folders,
}
