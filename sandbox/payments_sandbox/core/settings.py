"""Owns the settings of one server: each declared once, with its option, default, reader and help.

The command line, its environment variables, `running_sandbox` and the documents all read this
declaration. A setting is a field of `Settings`, with an `Option` in its metadata that describes it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from payments_sandbox.core.instants import read_duration
from payments_sandbox.core.option_values import (
    LAST_PORT,
    certificates,
    clock,
    folder,
    header_value,
    host_name,
    lifetime,
    listening_host,
    origin,
    scenario,
    seed,
    socket_path,
    webhook_targets,
    whole_number,
)
from payments_sandbox.core.tls_options import TlsChoice, TlsFault, certificate, tls_fault
from payments_sandbox.core.wording import nearest

__tracebackhide__ = True
"""Makes pytest show the line of the test with the wrong option instead of a line here."""

_OPTION: Final = "option"


class Option(NamedTuple):
    """How a setting is given on the command line and in the environment.

    Attributes:
        name: such as `--rate-limit`; its variable is then `PAYMENTS_SANDBOX_RATE_LIMIT`.
        help: its line in `--help`, without the default.
        read: turns a text into the value, or into one item of a list; None for a switch.
        metavar: the placeholder of the value in `--help`.
        is_list: whether it can be given several times.
        shown: the default as `--help` shows it; "" shows none.
    """

    name: str
    help: str
    read: Callable[[str], object] | None
    metavar: str = ""
    is_list: bool = False
    shown: str = ""


def _setting(  # noqa: PLR0913 - the parts of an option, each by its name
    default: object,
    name: str,
    text: str,
    read: Callable[[str], object],
    metavar: str,
    shown: str = "",
    *,
    is_shown: bool = True,
) -> Any:  # noqa: ANN401 - as `dataclasses.field`
    option = Option(name, text, read, metavar, shown=shown)
    return field(default=default, repr=is_shown, metadata={_OPTION: option})


def _switch(name: str, text: str) -> Any:  # noqa: ANN401 - as `dataclasses.field`
    return field(default=False, metadata={_OPTION: Option(name, text, None)})


def _list(
    default: object, name: str, text: str, read: Callable[[str], object], metavar: str
) -> Any:  # noqa: ANN401 - as `dataclasses.field`
    option = Option(name, f"{text} (repeatable)", read, metavar, is_list=True)
    return field(default=default, metadata={_OPTION: option})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a server; the help of each option describes it.

    Durations are whole milliseconds. If `control_token` is None, no `Sandbox-Token` header is
    required. In `scenarios`, a text is a name and a path is a file. A scenario in `scenario_dirs`
    takes precedence over one of the same name in the library. `body_timeout`, which has no option,
    is how many seconds a request's head, and then its body, may each take to arrive.
    """

    host: str = _setting(
        "127.0.0.1", "--host", "address to listen on", listening_host, "ADDRESS", "127.0.0.1"
    )
    port: int = _setting(
        8080, "--port", "port to listen on; 0 picks a free one", whole_number(0, LAST_PORT), "N",
        "8080",
    )  # fmt: skip
    tls: TlsChoice | None = _setting(  # noqa: RUF009 - it does not change
        None, "--tls",
        "also accept TLS on the port; auto creates certificates and a CA to trust",
        certificate, "auto|CERT,KEY",
    )  # fmt: skip
    tls_faults: tuple[TlsFault, ...] = _list(
        (), "--tls-fault",
        "another port with an expired or wrong-host certificate; needs --tls auto",
        tls_fault, "expired|wrong-host[=PORT]",
    )  # fmt: skip
    unix: Path | None = _setting(  # noqa: RUF009 - a path does not change
        None, "--unix", "also listen on a unix socket that only you can access",
        socket_path, "PATH",
    )  # fmt: skip
    seed: int | None = _setting(
        None, "--seed", "derive every world's seed from this and its key",
        seed, "N", "drawn",
    )  # fmt: skip
    clock: str = _setting(
        "live", "--clock", "live, or the ISO 8601 instant at which worlds' clocks are frozen",
        clock, "live|ISO", "live",
    )  # fmt: skip
    rate_limit: int = _setting(
        1_000, "--rate-limit", "requests per clock hour and key", whole_number(1, 1_000_000_000),
        "N", "1000",
    )  # fmt: skip
    max_wall_delay: int = _setting(
        5_000, "--max-wall-delay", "the longest time that a client is kept waiting", read_duration,
        "DURATION", "5s",
    )  # fmt: skip
    world_ttl: int = _setting(
        86_400_000, "--world-ttl", "drop worlds that are unused for this long", lifetime,
        "DURATION", "1d",
    )  # fmt: skip
    max_worlds: int = _setting(
        10_000, "--max-worlds", "keep at most this many worlds", whole_number(2, 1_000_000), "N",
        "10000",
    )  # fmt: skip
    scenarios: tuple[str | Path, ...] = _list(
        (), "--scenario",
        "start every world with this scenario: a name from the library, or a file",
        scenario, "NAME|FILE",
    )  # fmt: skip
    scenario_dirs: tuple[Path, ...] = _list(
        (), "--scenario-dir",
        "a folder of scenarios; its names take precedence over the library", folder, "DIR",
    )  # fmt: skip
    webhooks: tuple[str, ...] = _list(
        (), "--webhook",
        "an endpoint for the events of every world, signed with the printed secret",
        str, "URL",
    )  # fmt: skip
    public_webhooks: bool = _setting(
        False, "--webhook-targets",  # noqa: FBT003 - the default, as in every setting
        "private: loopback and private networks; public: also the internet",
        webhook_targets, "private|public", "private",
    )  # fmt: skip
    webhook_ca: Path | None = _setting(  # noqa: RUF009 - a path does not change
        None, "--webhook-ca",
        "CA certificates (PEM) to trust for webhook receivers, in addition to the system's",
        certificates, "FILE",
    )  # fmt: skip
    strict_keys: bool = _switch(
        "--strict-keys", "reject keys that were not created by POST /_sandbox/worlds"
    )
    lenient: bool = _switch("--lenient", "ignore undocumented body fields and query parameters")
    coverage: bool = _switch(
        "--coverage",
        "count the failures that calls and webhooks met (GET /_sandbox/coverage); run prints them",
    )
    control_token: str | None = _setting(
        None, "--control-token",
        "require this value in the header Sandbox-Token on /_sandbox (generated beyond loopback)",
        header_value, "TOKEN", is_shown=False,
    )  # fmt: skip
    allow_hosts: frozenset[str] = _list(
        frozenset(), "--allow-host",
        "another name to accept in the Host header, or *.NAME for every name below it",
        host_name, "NAME",
    )  # fmt: skip
    cors: frozenset[str] = _list(
        frozenset(), "--cors",
        "allow pages of this origin to call /v3, such as http://localhost:5173", origin, "ORIGIN",
    )  # fmt: skip
    body_timeout: float = 30.0


_NUMBERS: Final = {"N": "{}", "DURATION": "{}ms"}
"""For the metavar of a number: how the number is written on the command line."""


def options() -> Iterator[tuple[Field[Any], Option]]:
    """Yield each setting that has an option, in the order of `--help`."""
    for each in fields(Settings):
        if (option := each.metadata.get(_OPTION)) is not None:
            yield each, option


def settings_from(keywords: Mapping[str, object]) -> Settings:
    """Make settings from keywords, as tests pass them; by default the port is a free one.

    A text is parsed as on the command line, so `max_wall_delay="5s"` is `5_000`. A number is
    checked as on the command line; a duration is a number of milliseconds. Any other value is used
    as it is.

    Raises:
        TypeError: there is no such setting, or a list is needed instead of a text; the message
            says what was probably meant.
        ValueError: a value is invalid; the message says what would have worked.
    """
    known = {each.name: each for each in fields(Settings)}
    for name in keywords:
        if name not in known:
            close = nearest(name, list(known))
            hint = f"did you mean {close!r}?" if close else f"expected one of {', '.join(known)}."
            raise TypeError(f"{name!r} is not an option of the sandbox; {hint}")
    values = {name: _value(known[name], value) for name, value in {"port": 0, **keywords}.items()}
    return Settings(**values)


def _value(setting: Field[Any], value: Any) -> Any:  # noqa: ANN401 - of any setting
    option: Option | None = setting.metadata.get(_OPTION)
    if option is None or option.read is None:
        return value
    if not option.is_list:
        return _read(setting.name, option.read, value, _NUMBERS.get(option.metavar))
    if isinstance(value, str):
        raise TypeError(f"{setting.name}: expected a list, such as [{value!r}], not {value!r}")
    collection: type[tuple[Any, ...] | frozenset[Any]] = type(cast("Any", setting.default))
    return collection(_read(setting.name, option.read, each) for each in value)


def _read(
    name: str, read: Callable[[str], object], value: object, as_text: str | None = None
) -> object:
    is_number = as_text and isinstance(value, int | float)
    if not is_number and not isinstance(value, str):
        return value
    try:
        return read(as_text.format(value) if as_text and isinstance(value, int) else str(value))
    except ValueError as error:
        raise ValueError(f"{name}: {error}, not {value!r}") from None
