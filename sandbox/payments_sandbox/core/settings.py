"""Owns the settings of one server: frozen values, read once, passed down."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `payments-sandbox serve` can be told.

    Attributes:
        host, port: where to listen; port 0 picks a free one.
        seed: what every world's seed is derived from; None draws them.
        clock: "live", or the ISO 8601 instant where the worlds' clocks stand still.
        strict_keys: only worlds made by `POST /_sandbox/worlds` exist (and the home world).
        lenient: ignore undocumented body fields and query parameters.
        rate_limit: requests per clock hour and key.
        max_wall_delay: milliseconds that a client can be kept waiting by a rule.
        world_ttl: wall milliseconds after which an unused world is dropped.
        max_worlds: how many worlds are kept.
        control_token: what `Sandbox-Token` must say; None asks for none.
        allow_hosts: further names that the Host header may carry.
        cors: origins whose pages may call `/v3`.
        webhooks: urls that every world has an endpoint for, signed with the home world's secret.
        public_webhooks: whether webhooks may leave for the public internet.
        scenarios: what is active in every world from its start: names, or the paths of files.
        scenario_dirs: folders with scenarios; a name means theirs before one that is shipped.
        body_patience: seconds that a request's body may take to arrive.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    seed: int | None = None
    clock: str = "live"
    strict_keys: bool = False
    lenient: bool = False
    rate_limit: int = 1_000
    max_wall_delay: int = 5_000
    world_ttl: int = 86_400_000
    max_worlds: int = 10_000
    control_token: str | None = field(default=None, repr=False)
    allow_hosts: frozenset[str] = frozenset()
    cors: frozenset[str] = frozenset()
    webhooks: tuple[str, ...] = ()
    public_webhooks: bool = False
    scenarios: tuple[str | Path, ...] = ()
    scenario_dirs: tuple[Path, ...] = ()
    body_patience: float = 30.0
